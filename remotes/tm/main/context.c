/* SPDX-License-Identifier: Apache-2.0 */
/* context - make the CD with the context of a VM.
 *
 *   context FILE|FILE:'NAME'|URL... HOST:SYSDIR/disk.N VM_ID DS_ID
 *
 * The image is made here, in a file without a name, and streamed to the host, where it
 * becomes disk.N when it is complete.  Running it again makes it again.
 */
#include "base/action.h"
#include "base/error.h"
#include "base/fd.h"
#include "request/progress.h"
#include "request/subject.h"
#include "tm/front/tm-context.h"
#include "tm/tm.h"
#include "transport/dispatch.h"

#define LABEL "CONTEXT"

static int
make_iso(int n, char **args, GError **error)
{
    g_auto(GStrv) words = tm_context_words(n, args);
    g_auto(DrvFd) fd = drv_fd_new_nameless(error);
    g_autoptr(DrvIso) iso = fd < 0 ? NULL : drv_iso_new(fd, LABEL, error);

    if (iso == NULL)
        return -1;
    for (guint i = 0; words[i]; i++) {
        if (!tm_context_add(iso, words[i], error))
            return -1;
    }
    if (!drv_iso_finish(iso, error))
        return -1;
    if (lseek(fd, 0, SEEK_SET) < 0) {
        drv_throw_errno(error, "cannot read the image again");
        return -1;
    }
    return drv_fd_steal(&fd);
}

static gboolean
put_context(const DrvOp *op, TmPut *request, int argc, char **argv, GError **error)
{
    int n = argc - 4;
    g_autoptr(DrvSource) source = NULL;
    int fd;

    if (n < 1)
        return drv_throw(error, DRV_ERROR_USAGE, "usage: FILE... HOST:DISK VM_ID DS_ID");
    if (!drv_request_read_args(request, argc - n, argv + n, error))
        return FALSE;
    drv_subject_begin(drv_action_path(), request);
    drv_progress_publish(request->vm_id);
    request->iso_link = !drv_release_at_least(drv_action_release(), 5, 0, 0);
    fd = make_iso(n, argv + 1, error);
    source = fd < 0 ? NULL : drv_source_new_fd(fd, "the context image");
    if (source == NULL || !drv_dispatch(request->host, op, request, source, NULL, error))
        return drv_prefix(
            error, "cannot make context of VM %" G_GUINT64_FORMAT, request->vm_id);
    return TRUE;
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TmPut) request = drv_request_new(&tm_put);
    const DrvOp *op;

    drv_action_init(argc, argv);
    op = drv_op_of_program(&error);
    if (op == NULL)
        return drv_action_fail(error);
    return put_context(op, request, argc, argv, &error) ? drv_action_done()
                                                        : drv_action_fail(error);
}
