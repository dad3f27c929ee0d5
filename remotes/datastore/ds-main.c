/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/random.h>

#include "base/action.h"
#include "base/error.h"
#include "datastore/ds.h"
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

static gboolean
run_at(
    const DsAction *action, DsHead *request, char **hosts, char **result, GError **error)
{
    g_autoptr(DrvSource) in = NULL;

    if (action->open && !ds_op->here && !action->open(request, &in, error))
        return FALSE;
    return drv_dispatch_any(
        (const char *const *)hosts, ds_op, request, in, result, error);
}

static gboolean
act(const DsAction *action,
    DsHead *request,
    DrvDump *dump,
    const char *id,
    char **result,
    GError **error)
{
    const char *const *bridges;
    g_auto(GStrv) hosts = NULL;

    g_free(request->image_id);
    request->image_id = g_strdup(id);
    if (!drv_request_read_dump(request, dump, error) ||
        (action->prepare && !action->prepare(request, dump, error)) ||
        (ds_op->prepare && !ds_op->prepare(request, error)))
        return FALSE;
    bridges = (const char *const *)request->bridges;
    if (ds_op->here || (ds_op->is_noop && ds_op->is_noop(request)))
        bridges = NULL;
    hosts = drv_bridge_hosts(bridges, g_ascii_strtoull(id, NULL, 10), error);
    return hosts && run_at(action, request, hosts, result, error);
}

int
ds_main(int argc, char **argv, const DsAction *action)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvRequest) request = NULL;
    g_autoptr(DrvDump) dump = NULL;
    g_autofree char *result = NULL;
    g_autofree char *answer = NULL;
    const char *id;

    drv_action_init(argc, argv);
    dump = drv_dump_read_action(argc, argv, &id, &error);
    if (dump == NULL)
        return drv_action_fail(error);
    if (&ds_op == NULL) {
        (void)drv_throw(&error,
                        DRV_ERROR_UNSUPPORTED,
                        "%s: Operation not supported",
                        drv_action_name());
        return drv_action_fail(error);
    }
    request = drv_request_new(ds_op->request);
    if (!act(action, (DsHead *)request, dump, id, &result, &error)) {
        (void)drv_prefix(&error, "cannot %s %s", action->subject, id);
        return drv_action_fail(error);
    }
    answer = action->answer && !ds_op->here && !ds_op->answers
                 ? action->answer(request, result)
                 : g_strdup(result);
    return answer ? drv_action_reply("%s", g_strchomp(answer)) : drv_action_done();
}
