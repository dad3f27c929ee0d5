/* SPDX-License-Identifier: Apache-2.0 */
#include "rbd/usage.h"

#include <string.h>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/error.h"
#include "rbd/image.h"

static int
add_extent(uint64_t offset, size_t length, int exists, void *data)
{
    (void)offset;
    if (exists)
        *(guint64 *)data += length;
    return 0;
}

/* What has changed since the last snapshot, object by object. */
static gboolean
usage_of_image(DrvRbdPool *pool, const char *name, guint64 *used, GError **error)
{
    g_auto(DrvRbdImage) image = drv_rbd_image_open(pool, name, DRV_RBD_LOOK, error);
    g_auto(GStrv) snapshots = image ? drv_rbd_image_snapshots(pool, image, error) : NULL;
    guint n = snapshots ? g_strv_length(snapshots) : 0;
    guint64 size = 0;
    int rc;

    if (snapshots == NULL)
        return FALSE;
    *used = 0;
    rc = rbd_get_size(image, &size);
    if (rc == 0)
        rc = rbd_diff_iterate2(
            image, n ? snapshots[n - 1] : NULL, 0, size, 0, 1, add_extent, used);
    return rc == 0 ||
           drv_rbd_throw(
               pool, rc, error, "cannot get the free space of '%s/%s'", pool->name, name);
}

static gboolean
parse_number(char *text, guint64 *number)
{
    return g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, number, NULL);
}

/* "one-<image>-<vm>-<disk>" or "one-sys-<vm>-<disk>", and nothing else. */
static gboolean
parse_disk(const char *name, guint64 *vm, guint64 *disk)
{
    g_auto(GStrv) words = g_strsplit(name, "-", -1);
    guint64 image;

    return g_strv_length(words) == 4 && g_str_equal(words[0], "one") &&
           (g_str_equal(words[1], "sys") || parse_number(words[1], &image)) &&
           parse_number(words[2], vm) && parse_number(words[3], disk);
}

static gboolean
add_disk(DrvRbdPool *pool, const char *name, GHashTable *vms, GError **error)
{
    guint64 vm, disk, used;
    g_autoptr(GError) why = NULL;
    GString *line;

    if (!parse_disk(name, &vm, &disk))
        return TRUE;
    if (!usage_of_image(pool, name, &used, &why)) {
        if (drv_error_is(why, DRV_ERROR_NOT_FOUND)) {
            drv_ignore(&why, "it was removed meanwhile");
            return TRUE;
        }
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    line = g_hash_table_lookup(vms, GUINT_TO_POINTER((guint)vm));
    if (line == NULL) {
        line = g_string_new(NULL);
        g_hash_table_insert(vms, GUINT_TO_POINTER((guint)vm), line);
    }
    g_string_append_printf(line,
                           " DISK_SIZE=[ID=%" G_GUINT64_FORMAT ",SIZE=%" G_GUINT64_FORMAT
                           "]",
                           disk,
                           (guint64)((used + DRV_MIB - 1) / DRV_MIB));
    return TRUE;
}

static void
free_line(gpointer line)
{
    g_string_free(line, TRUE);
}

char *
drv_rbd_usage_vms(DrvRbdPool *pool, GError **error)
{
    g_auto(GStrv) images = drv_rbd_image_list(pool, error);
    g_autoptr(GHashTable) vms = g_hash_table_new_full(NULL, NULL, NULL, free_line);
    GString *out;
    GHashTableIter each;
    gpointer vm, line;

    if (images == NULL)
        return NULL;
    for (guint i = 0; images[i]; i++) {
        if (!drv_cancel_check(error) || !add_disk(pool, images[i], vms, error))
            return NULL;
    }
    out = g_string_new(NULL);
    g_hash_table_iter_init(&each, vms);
    while (g_hash_table_iter_next(&each, &vm, &line))
        g_string_append_printf(
            out, "%u%s\n", GPOINTER_TO_UINT(vm), ((GString *)line)->str);
    return g_string_free(out, FALSE);
}
