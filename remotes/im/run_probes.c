/* SPDX-License-Identifier: Apache-2.0 */
/* run_probes - up to 5.10: run what is in <directory>.d, with the same arguments.
 *
 *   run_probes kvm|kvm-probes DS_LOCATION PORT PERIOD HOST_ID HOST
 *
 * "kvm" starts the client, and answers with what the probes say.
 */
#include "base/action.h"
#include "base/error.h"
#include "im/client/launch.h"

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) out = g_string_new(NULL);
    gboolean ok = FALSE;

    im_init(argc, argv);
    if (argc < 2)
        (void)drv_throw(&error, DRV_ERROR_USAGE, "usage: DIRECTORY [argument...]");
    else
        ok = im_launch(argv[1], (const char *const *)argv + 1, NULL, out, &error);
    return ok ? drv_action_reply_text(out->str) : drv_action_fail(error);
}
