/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_ds - on a host: what the disks of its VMs take in one system datastore.
 *
 *   monitor_ds SYSTEM_DATASTORE_DIR
 *
 * Prints one VM = [ ID = n, MONITOR = "base64" ] for each VM.
 */
#include <string.h>

#include "base/action.h"
#include "base/error.h"
#include "tm/tm.h"

static char *
describe(const char *directory, GError **error)
{
    g_autofree char *text = tm_monitor_vms(directory, error);
    g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;
    GString *out;

    if (lines == NULL)
        return NULL;
    out = g_string_new(NULL);
    for (guint i = 0; lines[i] && *lines[i]; i++) {
        const char *sizes = strchr(lines[i], ' ') + 1;
        g_autofree char *coded = g_base64_encode((const guchar *)sizes, strlen(sizes));

        g_string_append_printf(out,
                               "VM = [ ID = %.*s, MONITOR = \"%s\" ]\n",
                               (int)(sizes - 1 - lines[i]),
                               lines[i],
                               coded);
    }
    return g_string_free(out, FALSE);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;

    drv_action_init(argc, argv);
    if (argc < 2)
        (void)drv_throw(&error, DRV_ERROR_USAGE, "usage: SYSTEM_DATASTORE_DIRECTORY");
    else if (drv_request_check_path("SYSTEM_DATASTORE_DIRECTORY", argv[1], &error))
        text = describe(argv[1], &error);
    return text ? drv_action_reply_text(text) : drv_action_fail(error);
}
