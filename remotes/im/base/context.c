/* SPDX-License-Identifier: Apache-2.0 */
/* What a probe is given. */
#include <string.h>
#include <unistd.h>

#include "base/action.h"
#include "base/config.h"
#include "base/error.h"
#include "base/fd.h"
#include "im/base/im.h"
#include "request/dump.h"

#define DEFAULT_DB "/var/tmp/one_db"
#define DEFAULT_DATASTORES "/var/lib/one/datastores"

static gboolean
read_settings(ImContext *im, GError **error)
{
    g_autoptr(DrvConfig) config = drv_config_load("one-native.conf", error);

    if (config == NULL)
        return FALSE;
    im->db = g_strdup(drv_config_get(config, "MONITOR_DB", DEFAULT_DB));
    return TRUE;
}

ImContext *
im_context_new(const char *hypervisor,
               const char *host_id,
               const char *host_name,
               const char *config,
               GError **error)
{
    g_autoptr(ImContext) im = g_new0(ImContext, 1);

    im->root = g_strdup("");
    im->hypervisor = g_strdup(hypervisor);
    im->host_name = g_strdup(host_name);
    if (!g_ascii_string_to_signed(host_id, 10, -1, G_MAXINT32, &im->host_id, NULL)) {
        (void)drv_throw(error, DRV_ERROR_USAGE, "invalid host id: '%s'", host_id);
        return NULL;
    }
    im->config = config && *config
                     ? drv_xml_parse("the monitor's configuration", config, -1, error)
                     : drv_xml_new("MONITOR_CONFIGURATION");
    if (im->config == NULL || !read_settings(im, error))
        return NULL;
    im->ds_location = drv_xml_get(im->config, NULL, "DATASTORE_LOCATION");
    if (im->ds_location == NULL)
        im->ds_location = g_strdup(DEFAULT_DATASTORES);
    return g_steal_pointer(&im);
}

void
im_context_free(ImContext *im)
{
    if (im == NULL)
        return;
    if (im->virt)
        im->virt_close(im->virt);
    g_clear_error(&im->virt_hung);
    im_samples_free(im->samples);
    if (im->states)
        im->states_free(im->states);
    g_clear_pointer(&im->guests, g_hash_table_unref);
    g_clear_pointer(&im->forecasts, g_hash_table_unref);
    drv_xml_free(im->config);
    g_free(im->root);
    g_free(im->hypervisor);
    g_free(im->host_name);
    g_free(im->db);
    g_free(im->ds_location);
    g_free(im);
}

guint64
im_config_number(const ImContext *im, const char *path, guint64 fallback)
{
    g_autofree char *text = drv_xml_text(im->config, NULL, path);
    guint64 value;

    if (!g_ascii_string_to_unsigned(text, 10, 1, 86400 * 365, &value, NULL))
        return fallback;
    return value;
}

gboolean
im_has_imported(void)
{
    return !drv_release_at_least(drv_action_release(), 7, 0, 0);
}

/* Probes are at different depths below <remotes>/im. */
void
im_init(int argc, char **argv)
{
    g_autofree char *path = NULL;
    g_autofree char *directory = NULL;

    drv_action_init(argc, argv);
    path = g_canonicalize_filename(argc > 0 ? argv[0] : "im", NULL);
    directory = g_path_get_dirname(path);
    while (strlen(directory) > 1) {
        g_autofree char *name = g_path_get_basename(directory);
        g_autofree char *parent = g_path_get_dirname(directory);

        if (g_str_equal(name, "im")) {
            drv_action_set_remotes_dir(parent);
            return;
        }
        g_free(directory);
        directory = g_steal_pointer(&parent);
    }
}

/* The configuration comes on stdin, or nothing does. */
static gboolean
read_config(GString *config, GError **error)
{
    if (isatty(STDIN_FILENO))
        return TRUE;
    return drv_fd_read_all(
        STDIN_FILENO, config, DRV_DUMP_MAX, "the configuration", error);
}

/* Before 5.12: TYPE DS_LOCATION PORT PERIOD HID HOST.  After: TYPE HID HOST. */
static ImContext *
context_of(int argc, char **argv, const char *config, GError **error)
{
    gboolean flat = argc > 6;
    ImContext *im = im_context_new(argc > 1 ? argv[1] : "kvm",
                                   flat       ? argv[5]
                                   : argc > 2 ? argv[2]
                                              : "-1",
                                   flat       ? argv[6]
                                   : argc > 3 ? argv[3]
                                              : "",
                                   config,
                                   error);

    if (im && flat) {
        g_free(im->ds_location);
        im->ds_location = g_strdup(argv[2]);
    }
    return im;
}

int
im_main(int argc, char **argv, const char *mark, const ImProbe *probe)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) config = g_string_new(NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(ImContext) im = NULL;

    im_init(argc, argv);
    if (!read_config(config, &error))
        return drv_action_fail(error);
    im = context_of(argc, argv, config->str, &error);
    if (im == NULL || !probe->run(im, out, &error)) {
        (void)drv_prefix(&error, "%s", mark + strlen(IM_MARK));
        return drv_action_fail(error);
    }
    im_samples_save(im);
    return drv_action_reply_text(out->str);
}
