/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/random.h>

#include "base/action.h"
#include "base/error.h"
#include "datastore/ds.h"
#include "request/subject.h"
#include "transport/bridge.h"
#include "transport/dispatch.h"

char *
ds_new_name(GError **error)
{
    guint8 random[16];
    char *name;

    if (getrandom(random, sizeof random, 0) != sizeof random) {
        (void)drv_throw_errno(error, "cannot create a name");
        return NULL;
    }
    name = g_malloc0(2 * sizeof random + 1);
    for (guint i = 0; i < sizeof random; i++)
        g_snprintf(name + 2 * i, 3, "%02x", random[i]);
    return name;
}

char *
ds_source_text(const char *base_path, const char *name)
{
    return g_strconcat(base_path, "/", name, NULL);
}

/* The op at one of @hosts, with a stream if it has one. */
static gboolean
run_at(const DsAction *action,
       const DrvOp *op,
       DsHead *request,
       char **hosts,
       char **result,
       GError **error)
{
    gboolean streams = drv_op_where(op, request) == DRV_AT_DATA;
    g_autoptr(DrvSource) in = NULL;

    if (action->open && streams && !action->open(request, &in, error))
        return FALSE;
    return drv_dispatch_any((const char *const *)hosts, op, request, in, result, error);
}

static gboolean
run_action(const DsAction *action,
           const DrvOp *op,
           DsHead *request,
           DrvDump *dump,
           const char *id,
           char **result,
           GError **error)
{
    const char *const *bridges = NULL;
    g_auto(GStrv) hosts = NULL;

    g_free(request->image_id);
    request->image_id = g_strdup(id);
    drv_subject_begin(drv_action_path(), request);
    if (!drv_request_read_dump(request, dump, error) ||
        (action->prepare && !action->prepare(request, dump, error)) ||
        (op->prepare && !op->prepare(request, error)))
        return FALSE;
    if (drv_op_where(op, request) == DRV_AT_DATA)
        bridges = (const char *const *)request->bridges;
    hosts = drv_bridge_hosts(bridges, g_ascii_strtoull(id, NULL, 10), error);
    return hosts && run_at(action, op, request, hosts, result, error);
}

/* What some ops say is the answer already. */
static char *
make_answer(const DsAction *action, const DrvOp *op, DsHead *request, const char *result)
{
    if (action->answer && !op->answers && drv_op_where(op, request) != DRV_ANYWHERE)
        return action->answer(request, result);
    return g_strdup(result);
}

int
ds_main(int argc, char **argv, const DsAction *action)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvRequest) head = NULL;
    g_autoptr(DrvDump) dump = NULL;
    g_autofree char *result = NULL;
    g_autofree char *answer = NULL;
    const DrvOp *op;
    const char *id;

    drv_action_init(argc, argv);
    dump = drv_dump_read_action(argc, argv, &id, &error);
    op = dump ? drv_op_of_program(&error) : NULL;
    if (op == NULL)
        return drv_action_fail(error);
    head = drv_request_new(op->request);
    if (!run_action(action, op, (DsHead *)head, dump, id, &result, &error)) {
        (void)drv_prefix(&error, "cannot %s %s", action->subject, id);
        return drv_action_fail(error);
    }
    answer = make_answer(action, op, (DsHead *)head, result);
    return answer ? drv_action_reply("%s", g_strchomp(answer)) : drv_action_done();
}
