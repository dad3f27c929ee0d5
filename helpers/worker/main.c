/* SPDX-License-Identifier: Apache-2.0 */
/* worker - runs one op on this host for a driver on the front-end.
 *
 *   <remotes>/drv/bin/worker BUILD        frames on stdin and stdout, see docs/worker.md
 *
 * It says hello, takes one request, does it and ends.  When the driver goes away, the op
 * is cancelled like by a signal.
 */
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/action.h"
#include "base/error.h"
#include "base/status.h"
#include "image/relink.h"
#include "request/subject.h"
#include "transport/build.h"
#include "transport/remote.h"
#include "worker/worker.h"

/* The linker gives a section's ends these names. */
extern const DrvOp *const __start_drv_ops[] __attribute__((weak));
extern const DrvOp *const __stop_drv_ops[] __attribute__((weak));

static const DrvOp *
find_op(const char *name)
{
    for (const DrvOp *const *at = __start_drv_ops; at < __stop_drv_ops; at++) {
        if (strcmp((*at)->name, name) == 0)
            return *at;
    }
    return NULL;
}

static gboolean
run_request(WorkerPort *port, GError **error)
{
    g_autofree char *name = NULL;
    g_autoptr(GVariant) fields = NULL;
    g_autoptr(DrvRequest) request = NULL;
    g_autoptr(DrvSource) in = NULL;
    g_autofree char *result = NULL;
    const DrvOp *op;
    DrvPeer peer;

    if (!worker_port_request(port, &name, &fields, error))
        return FALSE;
    op = find_op(name);
    if (op == NULL || (op->run == NULL && op->converse == NULL))
        return drv_throw(error, DRV_ERROR_UNSUPPORTED, "the worker has no op '%s'", name);
    request = drv_request_new(op->request);
    if (!drv_request_unpack(request, fields, error))
        return FALSE;
    drv_status_set_sink(worker_port_status, port);
    drv_subject_begin(op->name, request);
    if (op->converse) {
        peer = worker_port_peer(port);
        return op->converse(request, &peer, &result, error) &&
               worker_port_deliver(port, result, error);
    }
    in = worker_port_stream(port);
    return op->run(request, in, &result, error) &&
           worker_port_deliver(port, result, error);
}

int
main(int argc, char **argv)
{
    g_autoptr(WorkerPort) port = NULL;
    g_autoptr(GError) error = NULL;
    struct utsname here;

    drv_action_init(argc, argv);
    if (argc > 2) /* what the front-end's allows, and no more than is usual here */
        (void)umask(umask(0777) | ((mode_t)g_ascii_strtoull(argv[2], NULL, 8) & 0777));
    port = worker_port_new(&error);
    if (port == NULL || uname(&here) < 0)
        return drv_action_fail(error);
    worker_port_hello(port, drv_build(), here.machine);
    drv_stage_set_settle(drv_relink_settle);
    if (run_request(port, &error))
        return drv_action_done();
    drv_status_end(error);
    worker_port_failed(port, error);
    return drv_error_exit_status(drv_error_code(error));
}
