/* SPDX-License-Identifier: Apache-2.0 */
/* stop_monitord_client - STOP_MONITOR: end the client of this host.
 *
 *   stop_monitord_client kvm HOST_ID HOST
 */
#include "base/action.h"
#include "base/error.h"
#include "im/client/client.h"

#define HOST_ID 2

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = FALSE;

    im_init(argc, argv);
    if (argc <= HOST_ID)
        (void)drv_throw(&error, DRV_ERROR_USAGE, "usage: kvm HOST_ID HOST");
    else
        ok = im_end_clients(argv[HOST_ID], &error);
    return ok ? drv_action_done() : drv_action_fail(error);
}
