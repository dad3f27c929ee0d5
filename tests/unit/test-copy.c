/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_PRIVATE
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "scratch.h"
#include "source/copy-private.h"

#define KIB ((gsize)1024)
#define MIB (KIB * 1024)

/* Data at 0, from 5 MiB on (not aligned), nothing at the end; 20 MiB and a bit in all. */
static int
make_sparse(const char *dir, const char *name)
{
    int fd = scratch_open(dir, name);
    g_autofree guint8 *data = noise(MIB, 4);

    put_at(fd, data, 64 * KIB, 0);
    put_at(fd, data, MIB, 5 * MIB + 123);
    g_assert_cmpint(ftruncate(fd, 20 * MIB + 17), ==, 0);
    return fd;
}

static void
assert_same(int a, int b)
{
    g_autoptr(GString) content_a = content_of(a);
    g_autoptr(GString) content_b = content_of(b);

    g_assert_cmpuint(content_a->len, ==, content_b->len);
    g_assert_true(memcmp(content_a->str, content_b->str, content_a->len) == 0);
}

static void
test_copy(gconstpointer data)
{
    DrvCopyWays ways = GPOINTER_TO_UINT(data);
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) in = make_sparse(dir, "in");
    g_auto(DrvFd) out = scratch_open(dir, "out");
    g_autoptr(GError) error = NULL;
    guint64 copied = 0;

    put_at(out, "old content that is to vanish", 29, 6 * MIB);
    must(drv_copy_fd_by(ways, in, out, NULL, &copied, &error));
    assert_same(in, out);
    g_assert_cmpuint(copied, >=, MIB + 64 * KIB);
    g_assert_cmpuint(copied, <=, MIB + 64 * KIB + 16 * KIB);
    fsync(out);
    g_assert_cmpuint(allocated(out), <=, MIB + 64 * KIB + 32 * KIB);
}

static void
note_progress(guint64 done, guint64 total, gpointer data)
{
    guint64 *last = data;

    g_assert_cmpuint(done, >, *last);
    g_assert_cmpuint(done, <=, total);
    g_assert_cmpuint(total, ==, 20 * MIB + 17);
    *last = done;
}

static void
test_options(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) in = make_sparse(dir, "in");
    g_auto(DrvFd) out = scratch_open(dir, "out");
    guint64 last = 0;
    DrvCopyOptions options = { .name = "disk.0",
                               .no_reflink = TRUE,
                               .progress = note_progress,
                               .progress_data = &last };
    g_autoptr(GError) error = NULL;

    must(drv_copy_fd(in, out, &options, NULL, &error));
    g_assert_cmpuint(last, >, 5 * MIB);
    assert_same(in, out);

    g_assert_false(drv_copy_fd(in, -1, &options, NULL, &error));
    assert_error_text(error, DRV_ERROR_FAILED, "'disk.0'");
}

static void
test_empty(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) in = scratch_open(dir, "in");
    g_auto(DrvFd) out = scratch_open(dir, "out");
    g_autoptr(GError) error = NULL;

    put_at(out, "x", 1, 0);
    must(drv_copy_fd(in, out, NULL, NULL, &error));
    assert_same(in, out);
    g_assert_cmpint(ftruncate(in, 3 * MIB), ==, 0);
    must(drv_copy_fd(in, out, NULL, NULL, &error));
    assert_same(in, out);
    g_assert_cmpuint(allocated(out), ==, 0);
}

/* A memfd has no reflink, and a pipe is no target. */
static void
test_other_files(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) in = make_sparse(dir, "in");
    g_auto(DrvFd) out = memfd_create("out", MFD_CLOEXEC);
    g_autoptr(GError) error = NULL;
    int ends[2];

    must(drv_copy_fd(in, out, NULL, NULL, &error));
    assert_same(in, out);

    g_assert_cmpint(pipe(ends), ==, 0);
    g_assert_false(drv_copy_fd(in, ends[1], NULL, NULL, &error));
    assert_error_text(error, DRV_ERROR_REFUSED, "neither a file nor a block device");
    close(ends[0]);
    close(ends[1]);
}

static void
sparse_write(int in, int out, gboolean sparse)
{
    g_autoptr(DrvSource) source = NULL;
    g_autoptr(GError) error = NULL;
    guint64 written = 0;
    struct stat st;

    g_assert_cmpint(lseek(in, 0, SEEK_SET), ==, 0);
    source = drv_source_new_threaded(drv_source_new_fd(dup(in), "in"));
    must(drv_copy_source(source, out, sparse, &written, &error));
    g_assert_cmpint(fstat(in, &st), ==, 0);
    g_assert_cmpuint(written, ==, (guint64)st.st_size);
    assert_same(in, out);
    fsync(out);
}

static void
test_sparse_write(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) in = make_sparse(dir, "in");
    g_auto(DrvFd) out = scratch_open(dir, "out");

    sparse_write(in, out, TRUE);
    g_assert_cmpuint(allocated(out), <=, MIB + 64 * KIB + 32 * KIB);
    sparse_write(in, out, FALSE);
    g_assert_cmpuint(allocated(out), >=, 20 * MIB);
    g_assert_cmpint(ftruncate(in, 0), ==, 0);
    sparse_write(in, out, TRUE);
}

/* Zero blocks among others, by the pattern of a number's bits, in all alignments. */
static void
test_sparse_patterns(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) in = scratch_open(dir, "in");
    g_auto(DrvFd) out = scratch_open(dir, "out");

    for (guint pattern = 1; pattern < 256; pattern = pattern * 3 / 2 + 1) {
        g_autofree guint8 *data = g_malloc0(8 * 4096);

        for (guint i = 0; i < 8; i++)
            data[i * 4096 + pattern] = (pattern >> i) & 1;
        g_assert_cmpint(ftruncate(in, 0), ==, 0);
        put_at(in, data, 8 * 4096, MIB - 4 * 4096);
        g_assert_cmpint(ftruncate(in, (off_t)(MIB + 4 * 4096 + pattern)), ==, 0);
        sparse_write(in, out, TRUE);
        g_assert_cmpuint(allocated(out), <=, (guint)__builtin_popcount(pattern) * 4096);
    }
}

static void
test_source_error(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) out = scratch_open(dir, "out");
    g_autoptr(DrvSource) source = drv_source_new_limited(
        drv_source_new_memory("0123456789", 10, "digits"), 9, "room");
    g_autoptr(GError) error = NULL;

    g_assert_false(drv_copy_source(source, out, TRUE, NULL, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_NO_SPACE);
}

/* A full disk, as RLIMIT_FSIZE tells it (EFBIG): the same code as ENOSPC. */
static void
test_no_space(void)
{
    if (g_test_subprocess()) {
        struct rlimit limit = { 4 * MIB, 4 * MIB };
        g_autoptr(Scratch) dir = scratch_new();
        g_auto(DrvFd) in = make_sparse(dir, "in");
        g_auto(DrvFd) out = -1;
        g_autoptr(GError) error = NULL;

        out = scratch_open(dir, "out");
        signal(SIGXFSZ, SIG_IGN);
        g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
        g_assert_false(drv_copy_fd(in, out, NULL, NULL, &error));
        assert_error_text(error, DRV_ERROR_NO_SPACE, "cannot write 'file'");
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
    g_test_trap_assert_passed();
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func(
        "/copy/range", GUINT_TO_POINTER(DRV_COPY_BY_RANGE | DRV_COPY_BY_READ), test_copy);
    g_test_add_data_func("/copy/read", GUINT_TO_POINTER(DRV_COPY_BY_READ), test_copy);
    g_test_add_func("/copy/options", test_options);
    g_test_add_func("/copy/empty", test_empty);
    g_test_add_func("/copy/other-files", test_other_files);
    g_test_add_func("/copy/no-space", test_no_space);
    g_test_add_func("/copy/sparse-write", test_sparse_write);
    g_test_add_func("/copy/sparse-patterns", test_sparse_patterns);
    g_test_add_func("/copy/source-error", test_source_error);
    return g_test_run();
}
