/* SPDX-License-Identifier: Apache-2.0 */
/* rbd-fault.so - preloaded into worker-rbd, ends it right before one of its calls to
 * librbd or librados that change something.
 *
 *     RBD_FAULT_AT=N      before the Nth, as SIGKILL does; 0: never
 *     RBD_FAULT_LOG=FILE  gets a line with the name of each call
 *     RBD_FAULT_HANG=N    the first N lists of clones never come back
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <rados/librados.h>
#include <rbd/librbd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int calls;

static void
log_call(const char *name)
{
    const char *path = getenv("RBD_FAULT_LOG");
    char line[128];
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    int size = snprintf(line, sizeof line, "%s\n", name);

    if (fd < 0)
        return;
    if (write(fd, line, (size_t)size) != size)
        abort();
    close(fd);
}

static void *
before(const char *name)
{
    const char *at = getenv("RBD_FAULT_AT");
    int n = atomic_fetch_add(&calls, 1) + 1;
    void *real = dlsym(RTLD_NEXT, name);

    log_call(name);
    if (at && atoi(at) == n)
        raise(SIGKILL);
    if (real == NULL)
        abort();
    return real;
}

#define WRAP(type, name, params, args)                                                   \
    type name params                                                                     \
    {                                                                                    \
        type(*real) params = before(#name);                                              \
        return real args;                                                                \
    }

int
rbd_list_children3(rbd_image_t image, rbd_linked_image_spec_t *images, size_t *n)
{
    static atomic_int lists;
    const char *hang = getenv("RBD_FAULT_HANG");
    int (*real)(rbd_image_t, rbd_linked_image_spec_t *, size_t *) =
        dlsym(RTLD_NEXT, "rbd_list_children3");

    if (hang && atomic_fetch_add(&lists, 1) < atoi(hang)) {
        for (;;)
            pause();
    }
    return real(image, images, n);
}

WRAP(int,
     rbd_create4,
     (rados_ioctx_t io, const char *name, uint64_t size, rbd_image_options_t opts),
     (io, name, size, opts))
WRAP(int,
     rbd_clone3,
     (rados_ioctx_t p_io,
      const char *p_name,
      const char *p_snap,
      rados_ioctx_t c_io,
      const char *c_name,
      rbd_image_options_t opts),
     (p_io, p_name, p_snap, c_io, c_name, opts))
WRAP(int,
     rbd_rename,
     (rados_ioctx_t io, const char *from, const char *to),
     (io, from, to))
WRAP(int,
     rbd_remove_with_progress,
     (rados_ioctx_t io, const char *name, librbd_progress_fn_t cb, void *data),
     (io, name, cb, data))
WRAP(int,
     rbd_trash_move,
     (rados_ioctx_t io, const char *name, uint64_t delay),
     (io, name, delay))
WRAP(int, rbd_snap_create, (rbd_image_t image, const char *name), (image, name))
WRAP(int, rbd_snap_remove, (rbd_image_t image, const char *name), (image, name))
WRAP(int, rbd_snap_protect, (rbd_image_t image, const char *name), (image, name))
WRAP(int, rbd_snap_unprotect, (rbd_image_t image, const char *name), (image, name))
WRAP(int,
     rbd_flatten_with_progress,
     (rbd_image_t image, librbd_progress_fn_t cb, void *data),
     (image, cb, data))
WRAP(int, rbd_resize, (rbd_image_t image, uint64_t size), (image, size))
WRAP(int,
     rbd_aio_write,
     (rbd_image_t image, uint64_t at, size_t size, const char *data, rbd_completion_t c),
     (image, at, size, data, c))
WRAP(int, rbd_flush, (rbd_image_t image), (image))
WRAP(int,
     rados_write_op_operate2,
     (rados_write_op_t op,
      rados_ioctx_t io,
      const char *oid,
      struct timespec *mtime,
      int flags),
     (op, io, oid, mtime, flags))
