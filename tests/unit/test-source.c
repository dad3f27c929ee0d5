/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "base/cancel.h"
#include "scratch.h"
#include "source/source.h"

#define MIB ((gsize)1024 * 1024)

/* A source of @total noise bytes that fails (or ends) there, in reads of odd sizes. */
typedef struct {
    guint8 *data;
    gsize total;
    gsize at;
    gboolean fails;
} Fake;

static gssize
fake_read(gpointer state, guint8 *data, gsize size, GError **error)
{
    Fake *fake = state;

    size = MIN(MIN(size, 77777), fake->total - fake->at);
    if (size == 0 && fake->fails) {
        drv_throw(error, DRV_ERROR_FAILED, "broke at %zu", fake->at);
        return -1;
    }
    memcpy(data, fake->data + fake->at, size);
    fake->at += size;
    return (gssize)size;
}

static void
fake_free(gpointer state)
{
    Fake *fake = state;

    g_free(fake->data);
    g_free(fake);
}

static DrvSource *
fake_new(gsize total, gboolean fails)
{
    static const DrvSourceOps ops = { .read = fake_read, .free = fake_free };
    Fake *fake = g_new0(Fake, 1);

    fake->data = noise(total, 1);
    fake->total = total;
    fake->fails = fails;
    return drv_source_new(&ops, fake, "fake");
}

/* Everything it has until end or error, read @step bytes at a time. */
static GByteArray *
drain(DrvSource *source, gsize step, GError **error)
{
    GByteArray *all = g_byte_array_new();
    g_autofree guint8 *buffer = g_malloc(step);
    gssize got;

    while ((got = drv_source_read(source, buffer, step, error)) > 0)
        g_byte_array_append(all, buffer, (guint)got);
    return all;
}

static void
test_fd(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree guint8 *data = noise(100000, 2);
    int fd = scratch_open(dir, "file");
    g_autoptr(DrvSource) source = NULL;
    g_autoptr(GByteArray) all = NULL;
    g_autoptr(GError) error = NULL;
    guint8 byte;

    put_at(fd, data, 100000, 0);
    source = drv_source_new_fd(fd, "file");
    g_assert_cmpstr(drv_source_name(source), ==, "file");
    g_assert_cmpuint(drv_source_size_hint(source), ==, 100000);
    all = drain(source, 999, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(all->data, all->len, data, 100000);
    g_assert_cmpint(drv_source_read(source, &byte, 1, &error), ==, 0);
}

static void
test_fd_error(void)
{
    g_autoptr(DrvSource) source =
        drv_source_new_fd(open("/", O_RDONLY | O_CLOEXEC), "a directory");
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) again = NULL;
    guint8 byte;

    g_assert_cmpint(drv_source_read(source, &byte, 1, &error), ==, -1);
    assert_error_text(error, DRV_ERROR_FAILED, "'a directory'");
    g_assert_cmpint(drv_source_read(source, &byte, 1, &again), ==, -1);
    g_assert_cmpstr(again->message, ==, error->message);
}

static void
test_peek(void)
{
    g_autoptr(DrvSource) source = drv_source_new_memory("0123456789", 10, "digits");
    g_autoptr(GError) error = NULL;
    const guint8 *data;
    char buffer[16];

    g_assert_cmpint(drv_source_peek(source, 4, &data, &error), ==, 4);
    g_assert_cmpmem(data, 4, "0123", 4);
    g_assert_cmpint(drv_source_peek(source, 2, &data, &error), ==, 2);
    g_assert_cmpint(drv_source_read(source, buffer, 3, &error), ==, 3);
    g_assert_cmpmem(buffer, 3, "012", 3);
    g_assert_cmpint(drv_source_peek(source, 3, &data, &error), ==, 3);
    g_assert_cmpmem(data, 3, "345", 3);
    g_assert_cmpint(drv_source_peek(source, 100, &data, &error), ==, 7);
    g_assert_cmpmem(data, 7, "3456789", 7);
    g_assert_cmpint(drv_source_read_full(source, buffer, 16, &error), ==, 7);
    g_assert_cmpmem(buffer, 7, "3456789", 7);
    g_assert_cmpint(drv_source_peek(source, 1, &data, &error), ==, 0);
    g_assert_no_error(error);
}

static void
test_peek_error(void)
{
    g_autoptr(DrvSource) source = fake_new(100, TRUE);
    g_autoptr(GError) error = NULL;
    const guint8 *data;

    g_assert_cmpint(drv_source_peek(source, 100, &data, &error), ==, 100);
    g_assert_cmpint(drv_source_peek(source, 101, &data, &error), ==, -1);
    assert_error_text(error, DRV_ERROR_FAILED, "broke at 100");
}

static void
test_threaded(gconstpointer data)
{
    gsize total = GPOINTER_TO_SIZE(data);
    g_autofree guint8 *expected = noise(total, 1);
    g_autoptr(DrvSource) source =
        drv_source_new_threaded(drv_source_new_threaded(fake_new(total, FALSE)));
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) all = drain(source, 100001, &error);

    g_assert_no_error(error);
    g_assert_cmpmem(all->data, all->len, expected, total);
}

static void
test_threaded_error(void)
{
    g_autoptr(DrvSource) source = drv_source_new_threaded(fake_new(3 * MIB + 5, TRUE));
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) all = drain(source, 50000, &error);

    g_assert_cmpuint(all->len, ==, 3 * MIB);
    assert_error_text(error, DRV_ERROR_FAILED, "broke at 3145733");
}

/* The thread has more to give than the queue takes, and nobody reads it. */
static void
test_threaded_abandoned(void)
{
    for (int i = 0; i < 20; i++) {
        g_autoptr(DrvSource) source = drv_source_new_threaded(fake_new(9 * MIB, FALSE));
        g_autoptr(GError) error = NULL;
        guint8 byte;

        if (i % 2)
            g_assert_cmpint(drv_source_read(source, &byte, 1, &error), ==, 1);
    }
}

/* A pipe that never delivers is what a stalled network looks like. */
static gssize
stuck_read(gpointer state, guint8 *data, gsize size, GError **error)
{
    return drv_fd_read(GPOINTER_TO_INT(state), data, size, "pipe", error);
}

static void
test_threaded_cancelled(void)
{
    static const DrvSourceOps ops = { .read = stuck_read };
    g_autoptr(GError) error = NULL;
    int ends[2];
    guint8 byte;

    g_assert_true(drv_cancel_init(&error));
    g_assert_cmpint(pipe(ends), ==, 0);
    {
        g_autoptr(DrvSource) source = drv_source_new_threaded(
            drv_source_new(&ops, GINT_TO_POINTER(ends[0]), "pipe"));

        kill(getpid(), SIGTERM);
        g_assert_cmpint(drv_source_read(source, &byte, 1, &error), ==, -1);
        g_assert_error(error, DRV_ERROR, DRV_ERROR_CANCELLED);
    }
    close(ends[0]);
    close(ends[1]);
    /* Take the signal, so that what follows is not cancelled. */
    {
        struct pollfd fds[2];
        char info[128];

        g_assert_cmpuint(drv_cancel_fds(fds), >=, 1);
        g_assert_cmpint(read(fds[0].fd, info, sizeof info), >, 0);
        g_assert_false(drv_cancel_pending());
    }
}

static gpointer
interrupt_it(gpointer source)
{
    drv_source_interrupt(source);
    return NULL;
}

static void
test_interrupt(void)
{
    g_autoptr(DrvSource) source = drv_source_new_threaded(fake_new(64 * MIB, FALSE));
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) all = NULL;

    g_thread_join(g_thread_new("interrupt", interrupt_it, source));
    all = drain(source, 1000, &error);
    g_assert_cmpuint(all->len, <, 64 * MIB);
    g_assert_error(error, DRV_ERROR, DRV_ERROR_CANCELLED);
}

static void
test_limited(void)
{
    g_autoptr(DrvSource) fits =
        drv_source_new_limited(fake_new(100000, FALSE), 100000, "datastore 1");
    g_autoptr(DrvSource) more =
        drv_source_new_limited(fake_new(100001, FALSE), 100000, "datastore 1");
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) all = drain(fits, 4096, &error);
    g_autoptr(GByteArray) some = NULL;

    g_assert_no_error(error);
    g_assert_cmpuint(all->len, ==, 100000);
    some = drain(more, 4096, &error);
    assert_error_text(error,
                      DRV_ERROR_NO_SPACE,
                      "'fake' is larger than the 100000 bytes of datastore 1");
    g_assert_cmpuint(some->len, <=, 100000);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/source/fd", test_fd);
    g_test_add_func("/source/fd-error", test_fd_error);
    g_test_add_func("/source/peek", test_peek);
    g_test_add_func("/source/peek-error", test_peek_error);
    g_test_add_data_func("/source/threaded/empty", GSIZE_TO_POINTER(0), test_threaded);
    g_test_add_data_func("/source/threaded/block", GSIZE_TO_POINTER(MIB), test_threaded);
    g_test_add_data_func(
        "/source/threaded/many", GSIZE_TO_POINTER(11 * MIB + 3), test_threaded);
    g_test_add_func("/source/threaded/error", test_threaded_error);
    g_test_add_func("/source/threaded/abandoned", test_threaded_abandoned);
    g_test_add_func("/source/threaded/cancelled", test_threaded_cancelled);
    g_test_add_func("/source/threaded/interrupt", test_interrupt);
    g_test_add_func("/source/limited", test_limited);
    return g_test_run();
}
