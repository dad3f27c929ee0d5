/* SPDX-License-Identifier: Apache-2.0 */
#include "base/action.h"
#include "base/error.h"
#include "request/core.h"
#include "request/progress.h"
#include "request/subject.h"
#include "tm/tm.h"
#include "transport/dispatch.h"

char *
tm_disk_name(gconstpointer request)
{
    const TmHead *head = request;
    g_autofree char *name = g_path_get_basename(head->target);

    if (g_ascii_isdigit(*name))
        return g_strdup_printf("the directory of VM %" G_GUINT64_FORMAT, head->vm_id);
    return g_strdup_printf("%s of VM %" G_GUINT64_FORMAT, name, head->vm_id);
}

char *
tm_snapshot_subject(const char *verb, gconstpointer request)
{
    g_autofree char *disk = tm_disk_name(request);

    return g_strdup_printf("%s %" G_GUINT64_FORMAT " of %s",
                           verb,
                           ((const TmSnapshot *)request)->snapshot_id,
                           disk);
}

/* Without the disk's facts a guess would decide what becomes of it. */
static gboolean
check_facts(const TmHead *request, DrvDump *vm, GError **error)
{
    g_autofree char *vm_id = g_strdup_printf("%" G_GUINT64_FORMAT, request->vm_id);
    g_autofree char *disk_id = g_strdup_printf("%" G_GINT64_FORMAT, request->disk_id);
    g_autofree char *id = NULL;
    g_autofree char *disk = NULL;

    drv_dump_set_variable(vm, "disk_id", disk_id);
    if (!drv_dump_value(vm, "self::VM/ID", &id, error) ||
        !drv_dump_value(vm, "TEMPLATE/DISK[DISK_ID=$disk_id]/DISK_ID", &disk, error))
        return FALSE;
    if (g_strcmp0(id, vm_id) != 0)
        return drv_throw(error, DRV_ERROR_CORE, "oned returned no VM %s", vm_id);
    return disk ||
           drv_throw(error, DRV_ERROR_NOT_FOUND, "VM %s has no disk %s", vm_id, disk_id);
}

/* Images have their facts in the VM's document; kernels and whole directories have none.
 */
static gboolean
read_facts(TmHead *request, GError **error)
{
    g_autoptr(DrvDump) vm = NULL;

    if (!drv_request_wants_dump(request->head.type) || request->disk_id < 0)
        return TRUE;
    vm = drv_core_info(DRV_CORE_VM, (gint64)request->vm_id, error);
    return vm && check_facts(request, vm, error) &&
           drv_request_read_dump(request, vm, error);
}

/* What is to be done, and who does it. */
typedef struct {
    const TmAction *action;
    const DrvOp *op;
} Task;

static gboolean
complete(gpointer request, gpointer data, GError **error)
{
    const Task *task = data;

    return read_facts(request, error) &&
           (task->action->prepare == NULL || task->action->prepare(request, error)) &&
           (task->op->prepare == NULL || task->op->prepare(request, error));
}

/* The disk of a VM that is on no host belongs to the front-end, which may not see its
 * storage.
 */
static gboolean
run_instead(Task *task, TmHead *request, char **result, GError **error)
{
    g_auto(GStrv) hosts = NULL;

    if (!complete(request, task, error))
        return FALSE;
    hosts = task->op->stand_ins(request, error);
    return hosts &&
           drv_dispatch_any(
               (const char *const *)hosts, task->op, request, NULL, result, error);
}

static gboolean
run_op(Task *task, TmHead *request, char **result, GError **error)
{
    if (task->op->stand_ins && drv_dispatch_is_here(request->host))
        return run_instead(task, request, result, error);
    return drv_dispatch_incomplete(
        request->host, task->op, request, complete, task, result, error);
}

static gboolean
run_action(
    Task *task, TmHead *request, int argc, char **argv, char **result, GError **error)
{
    g_autofree char *what = NULL;

    if (!drv_request_read_args(request, argc, argv, error))
        return FALSE;
    drv_subject_begin(drv_action_path(), request);
    drv_progress_publish(request->vm_id);
    if (run_op(task, request, result, error))
        return TRUE;
    what = task->action->subject(request); /* with what the core has told of it */
    return drv_prefix(error, "cannot %s", what);
}

int
tm_main(int argc, char **argv, const TmAction *action)
{
    Task task = { .action = action };
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvRequest) request = NULL;
    g_autofree char *result = NULL;

    drv_action_init(argc, argv);
    task.op = drv_op_of_program(&error);
    if (task.op == NULL)
        return drv_action_fail(error);
    request = drv_request_new(task.op->request);
    if (!run_action(&task, (TmHead *)request, argc, argv, &result, &error))
        return drv_action_fail(error);
    return result ? drv_action_reply_text(result) : drv_action_done();
}
