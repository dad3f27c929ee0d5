/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "image/df.h"
#include "image/mkfs.h"
#include "scratch.h"

#define MIB (1024 * 1024ULL)

static const char *const supported[] = { "ext2", "ext4", "xfs", NULL };

typedef struct {
    char *dir;
    int fd;
} Place;

static void
place_clear(Place *place)
{
    close(place->fd);
    scratch_remove(place->dir);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

static void
place_make(Place *place)
{
    place->dir = scratch_new();
    place->fd = open(place->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

#define PLACE()                                                                          \
    g_auto(Place) place = { NULL, -1 };                                                  \
    place_make(&place)

/* --- what is made ----------------------------------------------------------------------
 */

static const struct {
    const char *format;
    const char *fs;
    guint64 mb;
    const char *kind; /* in what file(1) says */
} made[] = {
    { "raw", NULL, 3, ": data" },           { "raw", "", 3, ": data" },
    { "qcow2", NULL, 3, "QEMU QCOW" },      { "swap", NULL, 3, "swap file" },
    { "raw", "swap", 3, "swap file" },      { "raw", "ext4", 8, "ext4 filesystem" },
    { "ext2", NULL, 8, "ext2 filesystem" }, /* as front-ends of 4.x say it */
    { "raw", "xfs", 300, "SGI XFS" },       { "qcow2", "ext4", 8, "QEMU QCOW" },
};

static void
test_made(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    DrvMkfs want = { made[i].format, made[i].fs, made[i].mb * MIB, supported, NULL };
    g_autoptr(DrvCmd) file = drv_cmd_new("file", "./a b;-x", NULL);
    g_autoptr(GString) said = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) listing = NULL;
    PLACE();

    must(drv_mkfs(place.fd, "a b;-x", &want, &error));
    drv_cmd_cwd(file, place.fd);
    must(drv_cmd_capture(file, said, 4096, &error));
    if (strstr(said->str, made[i].kind) == NULL)
        g_error("%s", said->str);
    listing = g_dir_open(place.dir, 0, NULL);
    g_assert_cmpstr(g_dir_read_name(listing), ==, "a b;-x");
    g_assert_null(g_dir_read_name(listing));
}

static void
test_qcow2_content(void)
{
    DrvMkfs want = { "qcow2", "ext4", 8 * MIB, supported, NULL };
    g_autoptr(GError) error = NULL;
    g_autofree char *in = NULL;
    g_autofree char *out = NULL;
    PLACE();

    must(drv_mkfs(place.fd, "disk", &want, &error));
    in = g_build_filename(place.dir, "disk", NULL);
    out = g_build_filename(place.dir, "raw", NULL);
    run_ok("qemu-img", "convert", "-f", "qcow2", "-O", "raw", in, out, NULL);
    run_ok("e2fsck", "-f", "-n", out, NULL);
}

static void
test_sparse(void)
{
    DrvMkfs want = { "raw", NULL, 1024 * MIB, supported, NULL };
    g_autoptr(GError) error = NULL;
    g_auto(DrvFd) fd = -1;
    struct stat info;
    PLACE();

    must(drv_mkfs(place.fd, "disk", &want, &error));
    fd = reopen(place.dir, "disk");
    g_assert_cmpint(fstat(fd, &info), ==, 0);
    g_assert_cmpuint((guint64)info.st_size, ==, 1024 * MIB);
    g_assert_cmpuint(drv_df_file_mb(place.fd, "disk"), ==, 0);
}

/* --- what is not -----------------------------------------------------------------------
 */

static const struct {
    DrvMkfs want;
    DrvErrorCode code;
    const char *message;
} bad[] = {
    { { "raw", NULL, 0, supported, NULL }, DRV_ERROR_USAGE, "the size is 0" },
    { { "raw", "ntfs", MIB, supported, NULL },
      DRV_ERROR_UNSUPPORTED,
      "unsupported file system type 'ntfs'" },
    { { "qcow2", "../../bin/x", MIB, supported, NULL },
      DRV_ERROR_UNSUPPORTED,
      "unsupported file system type '../../bin/x'" },
    { { "vmdk", "", MIB, supported, NULL },
      DRV_ERROR_UNSUPPORTED,
      "unsupported file system type 'vmdk'" },
    { { "raw", "xfs", MIB, supported, NULL }, DRV_ERROR_COMMAND, "mkfs.xfs: " },
};

static void
test_bad(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        PLACE();

        g_assert_false(drv_mkfs(place.fd, "disk", &bad[i].want, &error));
        assert_error_text(error, bad[i].code, bad[i].message);
    }
}

static void
test_no_overwrite(void)
{
    DrvMkfs want = { "raw", NULL, MIB, supported, NULL };
    g_autoptr(GError) error = NULL;
    PLACE();

    must(drv_mkfs(place.fd, "disk", &want, &error));
    g_assert_false(drv_mkfs(place.fd, "disk", &want, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_EXISTS);
}

/* A program that writes down what it was called with, a line a call. */
static void
put_tool(const char *dir, const char *name, const char *log)
{
    g_autofree char *file = g_build_filename(dir, name, NULL);
    g_autofree char *text = g_strdup_printf("#!/bin/sh\n{ printf %%s '%s'\n"
                                            "printf '|%%s' \"$@\"\necho\n} >>'%s'\n",
                                            name,
                                            log);

    scratch_put(dir, name, text);
    g_assert_cmpint(chmod(file, 0755), ==, 0);
}

static void
test_commands(void)
{
    static const char *const options[] = { "-m", "", "0", "-L", "a b", NULL };
    DrvMkfs ext4 = { "raw", "ext4", MIB, supported, options };
    DrvMkfs xfs = { "raw", "xfs", MIB, supported, NULL };
    DrvMkfs swap = { "swap", NULL, MIB, supported, options };
    g_autoptr(Scratch) tools = scratch_new();
    g_autofree char *log = g_build_filename(tools, "log", NULL);
    g_autofree char *before = g_strdup(g_getenv("PATH"));
    g_autofree char *path = g_strconcat(tools, ":", before, NULL);
    g_autofree char *seen = NULL;
    g_autoptr(GError) error = NULL;
    PLACE();

    put_tool(tools, "mkfs.ext4", log);
    put_tool(tools, "mkfs.xfs", log);
    put_tool(tools, "mkswap", log);
    g_setenv("PATH", path, TRUE);
    must(drv_mkfs(place.fd, "-a", &ext4, &error));
    must(drv_mkfs(place.fd, "b", &xfs, &error));
    must(drv_mkfs(place.fd, "c", &swap, &error));
    g_setenv("PATH", before, TRUE);
    must(g_file_get_contents(log, &seen, NULL, &error));
    g_assert_cmpstr(seen,
                    ==,
                    "mkfs.ext4|-F|-m|0|-L|a b|./-a\n"
                    "mkfs.xfs|-f|./b\n"
                    "mkswap|-L|swap|./c\n");
}

/* --- how full it is --------------------------------------------------------------------
 */

static void
test_df(void)
{
    g_autoptr(DrvCmd) df = drv_cmd_new("df", "-B1M", "-P", NULL);
    g_autoptr(GString) said = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *missing = NULL;
    g_autofree char *text = NULL;
    unsigned long total;
    DrvDf info;
    PLACE();

    missing = g_build_filename(place.dir, "a", "b", NULL);
    must(drv_df(missing, &info, &error));
    g_assert_true(g_file_test(missing, G_FILE_TEST_IS_DIR));
    drv_cmd_arg(df, place.dir);
    must(drv_cmd_capture(df, said, 4096, &error));
    g_assert_cmpint(sscanf(strchr(said->str, '\n'), "%*s %lu", &total), ==, 1);
    g_assert_cmpint(ABS((gint64)info.total_mb - (gint64)total), <=, 1);
    g_assert_cmpuint(info.used_mb, <=, info.total_mb);
    g_assert_cmpuint(info.free_mb, <=, info.total_mb);
    info = (DrvDf){ 1, 2, 3 };
    text = drv_df_text(&info);
    g_assert_cmpstr(text, ==, "USED_MB=1 FREE_MB=2 TOTAL_MB=3");
    g_assert_false(drv_df("/proc/self/status/x", &info, &error));
    assert_error_text(error, DRV_ERROR_NOT_FOUND, "/proc/self/status/x");
}

static void
test_file_size(void)
{
    g_autofree guint8 *data = noise(3 * MIB / 2, 1);
    g_auto(DrvFd) fd = -1;
    PLACE();

    fd = scratch_open(place.dir, "file");
    put_at(fd, data, 3 * MIB / 2, 100 * MIB);
    fsync(fd);
    g_assert_cmpint(symlinkat("file", place.fd, "link"), ==, 0);
    g_assert_cmpuint(drv_df_file_mb(place.fd, "file"), ==, 2);
    g_assert_cmpuint(drv_df_file_mb(place.fd, "link"), ==, 0); /* not followed */
    g_assert_cmpuint(drv_df_file_mb(place.fd, "none"), ==, 0);
    g_assert_cmpuint(drv_df_fd_mb(fd), ==, 2);
    g_assert_cmpuint(drv_df_fd_mb(-1), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(made); i++) {
        g_autofree char *name = g_strdup_printf(
            "/mkfs/made/%s-%s-%u", made[i].format, made[i].fs ? made[i].fs : "none", i);

        g_test_add_data_func(name, GUINT_TO_POINTER(i), test_made);
    }
    g_test_add_func("/mkfs/qcow2-content", test_qcow2_content);
    g_test_add_func("/mkfs/sparse", test_sparse);
    g_test_add_func("/mkfs/bad", test_bad);
    g_test_add_func("/mkfs/no-overwrite", test_no_overwrite);
    g_test_add_func("/mkfs/commands", test_commands);
    g_test_add_func("/mkfs/df", test_df);
    g_test_add_func("/mkfs/file-size", test_file_size);
    return g_test_run();
}
