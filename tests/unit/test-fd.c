/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/cancel.h"
#include "scratch.h"

#define BIG (3 * 1024 * 1024) /* bytes: much more than a pipe holds */

static void
test_close(void)
{
    int kept;

    {
        g_auto(DrvFd) fd = dup(0);

        kept = fd;
        g_assert_cmpint(fcntl(kept, F_GETFD), >=, 0);
        errno = ENOSPC;
    }
    g_assert_cmpint(errno, ==, ENOSPC);
    g_assert_cmpint(fcntl(kept, F_GETFD), <, 0);
    errno = EIO;
    drv_fd_close_one(-1);
    drv_fd_close_one(kept); /* not open: its EBADF is nobody's */
    g_assert_cmpint(errno, ==, EIO);
}

/* A pipe cannot be synced in part, and need not be; a descriptor must be one. */
static void
test_sync_range(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) fd = scratch_open(dir, "file");
    int ends[2];

    g_assert_cmpint(write(fd, "data", 4), ==, 4);
    g_assert_cmpint(drv_fd_sync_range(fd, 0, 4, FALSE), ==, 0);
    g_assert_cmpint(drv_fd_sync_range(fd, 0, BIG, TRUE), ==, 0);
    g_assert_cmpint(pipe(ends), ==, 0);
    g_assert_cmpint(drv_fd_sync_range(ends[1], 0, 4, TRUE), ==, 0);
    close(ends[0]);
    close(ends[1]);
    g_assert_cmpint(drv_fd_sync_range(ends[1], 0, 4, TRUE), ==, -1);
    g_assert_cmpint(errno, ==, EBADF);
}

static void
test_steal(void)
{
    DrvFd fd = dup(0);
    int taken = drv_fd_steal(&fd);

    g_assert_cmpint(fd, ==, -1);
    g_assert_cmpint(close(taken), ==, 0);
}

typedef struct {
    int fd;
    const guint8 *data;
} Writer;

static gpointer
write_all(gpointer data)
{
    Writer *writer = data;
    g_autoptr(GError) error = NULL;

    must(drv_fd_write_all(writer->fd, writer->data, BIG, "the pipe", &error));
    close(writer->fd);
    return NULL;
}

/* Through a non-blocking pipe that is always full. */
static void
test_through_pipe(void)
{
    g_autofree guint8 *data = noise(BIG, 1);
    g_autoptr(GString) out = g_string_new("x");
    g_autoptr(GError) error = NULL;
    GThread *thread;
    Writer writer;
    int ends[2];

    g_assert_cmpint(pipe2(ends, O_CLOEXEC | O_NONBLOCK), ==, 0);
    writer = (Writer){ ends[1], data };
    thread = g_thread_new("writer", write_all, &writer);
    must(drv_fd_read_all(ends[0], out, BIG + 1, "the pipe", &error));
    g_thread_join(thread);
    g_assert_cmpuint(out->len, ==, BIG + 1);
    g_assert_true(memcmp(out->str + 1, data, BIG) == 0);
    close(ends[0]);
}

static void
test_read_limit(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) fd = scratch_open(dir, "file");
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    put_at(fd, "12345", 5, 0);
    must(drv_fd_read_all(fd, out, 5, "the file", &error));
    g_assert_cmpstr(out->str, ==, "12345");
    g_string_truncate(out, 0);
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    g_assert_false(drv_fd_read_all(fd, out, 4, "the file", &error));
    assert_error_text(error, DRV_ERROR_FAILED, "the file is larger than 4 bytes");
}

static void
test_errors(void)
{
    g_auto(DrvFd) full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    g_auto(DrvFd) directory = open("/", O_RDONLY | O_CLOEXEC);
    g_autoptr(GError) error = NULL;
    char byte;

    g_assert_false(drv_fd_write_all(full, "x", 1, "the answer", &error));
    assert_error_text(error, DRV_ERROR_NO_SPACE, "cannot write the answer: ");
    g_clear_error(&error);
    g_assert_cmpint(drv_fd_read(directory, &byte, 1, "the directory", &error), ==, -1);
    assert_error_text(error, DRV_ERROR_FAILED, "cannot read the directory: ");
}

static void
test_cancelled(void)
{
    const struct timespec now = { 0, 0 };
    g_autofree guint8 *data = g_malloc0(BIG);
    g_autoptr(GError) error = NULL;
    sigset_t set;
    int ends[2];
    char byte;

    g_assert_cmpint(pipe2(ends, O_CLOEXEC | O_NONBLOCK), ==, 0);
    raise(SIGTERM);
    g_assert_cmpint(drv_fd_read(ends[0], &byte, 1, "the pipe", &error), ==, -1);
    g_assert_error(error, DRV_ERROR, DRV_ERROR_CANCELLED);
    g_clear_error(&error);
    g_assert_false(drv_fd_write_all(ends[1], data, BIG, "the pipe", &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_CANCELLED);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    g_assert_cmpint(sigtimedwait(&set, NULL, &now), ==, SIGTERM);
    close(ends[0]);
    close(ends[1]);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    g_test_init(&argc, &argv, NULL);
    must(drv_cancel_init(&error));
    g_test_add_func("/fd/close", test_close);
    g_test_add_func("/fd/sync-range", test_sync_range);
    g_test_add_func("/fd/steal", test_steal);
    g_test_add_func("/fd/through-pipe", test_through_pipe);
    g_test_add_func("/fd/read-limit", test_read_limit);
    g_test_add_func("/fd/errors", test_errors);
    g_test_add_func("/fd/cancelled", test_cancelled);
    return g_test_run();
}
