/* SPDX-License-Identifier: Apache-2.0 */
/* monitor - how full a system datastore is.
 *
 *   monitor [DUMP|-] DS_ID < dump        prints: USED_MB=n FREE_MB=n TOTAL_MB=n
 *
 * With MONITOR_VM_DISKS, and always up to 5.8, the sizes of the VMs' disks follow: in the
 * same answer up to 5.10, as a message to the monitor daemon from 5.12 on.
 */
#include "base/action.h"
#include "base/error.h"
#include "request/subject.h"
#include "tm/tm.h"
#include "transport/bridge.h"
#include "transport/dispatch.h"

static gboolean
monitor_datastore(const DrvOp *op,
                  TmMonitor *request,
                  int argc,
                  char **argv,
                  char **text,
                  GError **error)
{
    const char *id;
    g_autoptr(DrvDump) dump = drv_dump_read_action(argc, argv, &id, error);
    g_auto(GStrv) hosts = NULL;

    if (dump == NULL || !drv_request_read_dump(request, dump, error))
        return FALSE;
    drv_subject_begin(drv_action_path(), request);
    if (!drv_release_at_least(drv_action_release(), 5, 10, 0))
        request->vms = TRUE;
    if (op->prepare && !op->prepare(request, error))
        return FALSE;
    hosts = drv_bridge_hosts(
        (const char *const *)request->bridges, (guint64)g_get_monotonic_time(), error);
    if (hosts == NULL ||
        !drv_dispatch_any((const char *const *)hosts, op, request, NULL, text, error))
        return drv_prefix(error, "cannot monitor datastore %s", id);
    return TRUE;
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TmMonitor) request = NULL;
    g_autofree char *text = NULL;
    g_autofree char *answer = NULL;
    const DrvOp *op;

    drv_action_init(argc, argv);
    op = drv_op_of_program(&error);
    if (op == NULL)
        return drv_action_fail(error);
    request = drv_request_new(op->request);
    if (!monitor_datastore(op, request, argc, argv, &text, &error))
        return drv_action_fail(error);
    if (text == NULL) /* its hosts say so themselves */
        return drv_action_done();
    answer = tm_monitor_answer(text);
    return drv_action_reply_text(answer);
}
