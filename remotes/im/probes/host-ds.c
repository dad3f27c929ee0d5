/* SPDX-License-Identifier: Apache-2.0 */
/* Datastores on the host: how full they are, and what the disks of its VMs take. */
#include <string.h>

#include "base/action.h"
#include "base/error.h"
#include "cmd/cmd.h"
#include "im/base/im.h"
#include "image/df.h"

#define TM_TIMEOUT_MS 20000
#define TM_ANSWER_MAX ((gsize)64 << 20)

/* Directories of datastores, named by their numbers. */
static GPtrArray *
datastores(const ImContext *im)
{
    g_autoptr(GDir) dir = g_dir_open(im->ds_location, 0, NULL);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        if (g_ascii_string_to_unsigned(name, 10, 0, G_MAXINT32, NULL, NULL))
            g_ptr_array_add(names, g_strdup(name));
    }
    return names;
}

/* The transfer driver that watches this one from here, or NULL.  Caller frees. */
static char *
watched_by(const ImContext *im, const char *datastore)
{
    g_autofree char *file =
        g_build_filename(im->ds_location, datastore, ".monitor", NULL);
    g_autofree char *text = NULL;

    if (!g_file_get_contents(file, &text, NULL, NULL))
        return NULL;
    g_strstrip(text);
    if (text[strspn(text,
                    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                    "0123456789_-")] != '\0')
        return g_strdup("");
    return g_steal_pointer(&text);
}

static void
add_datastore(const ImContext *im, const char *id, const char *driver, GString *out)
{
    g_autofree char *path = g_build_filename(im->ds_location, id, NULL);
    g_autoptr(GError) error = NULL;
    DrvDf df;

    if (!drv_df(path, &df, &error)) {
        drv_ignore(&error, "it went meanwhile");
        return;
    }
    g_string_append_printf(out, "DS = [ ID = %s, ", id);
    if (g_strcmp0(driver, "replica") == 0)
        im_add_replicas(path, out);
    g_string_append_printf(out,
                           "USED_MB = %" G_GUINT64_FORMAT
                           ", TOTAL_MB = %" G_GUINT64_FORMAT
                           ", FREE_MB = %" G_GUINT64_FORMAT " ]\n",
                           df.used_mb,
                           df.total_mb,
                           df.free_mb);
}

static gboolean
report_monitor_ds(ImContext *im, GString *out, GError **error)
{
    gboolean all = !drv_release_at_least(drv_action_release(), 5, 12, 0);
    g_autoptr(GPtrArray) ids = datastores(im);
    DrvDf df = { 0, 0, 0 };

    if (g_file_test(im->ds_location, G_FILE_TEST_IS_DIR) &&
        !drv_df(im->ds_location, &df, error))
        return FALSE;
    im_add_number(out, "DS_LOCATION_USED_MB", df.used_mb);
    im_add_number(out, "DS_LOCATION_TOTAL_MB", df.total_mb);
    im_add_number(out, "DS_LOCATION_FREE_MB", df.free_mb);
    for (guint i = 0; i < ids->len; i++) {
        const char *id = g_ptr_array_index(ids, i);
        g_autofree char *driver = watched_by(im, id);

        if (all || driver)
            add_datastore(im, id, driver, out);
    }
    return TRUE;
}

IM_PROBE_REGISTER(im_monitor_ds, report_monitor_ds);

/* One datastore's disks, by its driver's monitor_ds.  One that fails is no reason to
 * report nothing of the others.
 */
static gboolean
add_disks(
    const ImContext *im, const char *id, const char *driver, GString *out, GError **error)
{
    g_autofree char *program =
        g_build_filename(drv_action_remotes_dir(), "tm", driver, "monitor_ds", NULL);
    g_autofree char *directory = g_build_filename(im->ds_location, id, NULL);
    g_autoptr(DrvCmd) cmd = drv_cmd_new(program, directory, NULL);
    g_autoptr(GString) answer = g_string_new(NULL);
    g_autoptr(GError) why = NULL;

    if (!g_file_test(program, G_FILE_TEST_IS_EXECUTABLE))
        return TRUE;
    drv_cmd_timeout(cmd, TM_TIMEOUT_MS);
    if (drv_cmd_capture(cmd, answer, TM_ANSWER_MAX, &why)) {
        g_string_append_len(out, answer->str, (gssize)answer->len);
        return TRUE;
    }
    if (!drv_error_is(why, DRV_ERROR_CANCELLED)) {
        drv_ignore(&why, "the other datastores' disks are still reported");
        return TRUE;
    }
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

static gboolean
report_vm_disks(ImContext *im, GString *out, GError **error)
{
    g_autoptr(GPtrArray) ids = datastores(im);

    for (guint i = 0; i < ids->len; i++) {
        const char *id = g_ptr_array_index(ids, i);
        g_autofree char *driver = watched_by(im, id);

        if (driver && *driver && !add_disks(im, id, driver, out, error))
            return FALSE;
    }
    return TRUE;
}

IM_PROBE_REGISTER(im_vm_disks, report_vm_disks);

static gboolean
report_nfs_automounted(ImContext *im, GString *out, GError **error)
{
    g_autofree char *text = im_read(im, "/proc/mounts");
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
    g_autoptr(GString) sources = g_string_new(NULL);

    (void)error;
    for (guint i = 0; lines[i]; i++) {
        g_auto(GStrv) words = g_strsplit(lines[i], " ", 4);

        /* source directory type options … */
        if (g_strv_length(words) < 4 || !g_str_has_prefix(words[2], "nfs") ||
            !g_str_has_prefix(words[1], im->ds_location))
            continue;
        g_string_append_printf(sources, "%s%s", sources->len ? "," : "", words[0]);
    }
    if (sources->len > 0)
        im_add(out, "AUTONFS_MOUNT", sources->str);
    return TRUE;
}

IM_PROBE_REGISTER(im_nfs_automounted, report_nfs_automounted);
