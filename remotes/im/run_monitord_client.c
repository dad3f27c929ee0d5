/* SPDX-License-Identifier: Apache-2.0 */
/* run_monitord_client - START_MONITOR (5.12 and later): run what is in <type>.d.
 *
 *   run_monitord_client kvm HOST_ID HOST < configuration
 *
 * Prints what those say, which is the client's first pass.
 */
#include "base/action.h"
#include "base/error.h"
#include "base/fd.h"
#include "im/client/launch.h"
#include "request/dump.h"

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) config = g_string_new(NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    gboolean ok = FALSE;

    im_init(argc, argv);
    if (argc < 3)
        (void)drv_throw(&error, DRV_ERROR_USAGE, "usage: TYPE HOST_ID HOST");
    else
        ok = drv_fd_read_all(0, config, DRV_DUMP_MAX, "the configuration", &error) &&
             im_launch(argv[1], (const char *const *)argv + 1, config->str, out, &error);
    return ok ? drv_action_reply_text(out->str) : drv_action_fail(error);
}
