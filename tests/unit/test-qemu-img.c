/* SPDX-License-Identifier: Apache-2.0 */
/* Commands as they are to be, word by word; and then that qemu-img takes them. */
#include <string.h>

#include "image/inspect.h"
#include "image/qemu-img.h"
#include "scratch.h"

#define GIB (1024ULL * 1024 * 1024)

static void
assert_argv(DrvCmd *made, const char *wanted)
{
    g_autoptr(DrvCmd) cmd = made;
    g_autofree char *line = g_strjoinv("|", (char **)drv_cmd_argv(cmd));

    g_assert_cmpstr(line, ==, wanted);
}

static void
test_create(void)
{
    assert_argv(drv_qemu_img_create("new", "raw", 2 * GIB, NULL),
                "qemu-img|create|-q|-f|raw|./new|2147483648");
    assert_argv(drv_qemu_img_create("-f x;$(id)", "qcow2", 1, " -o  a=b,c=d\t-x "),
                "qemu-img|create|-q|-f|qcow2|-o|a=b,c=d|-x|./-f x;$(id)|1");
    assert_argv(drv_qemu_img_create("nbd:x", "raw", 0, ""),
                "qemu-img|create|-q|-f|raw|./nbd:x|0");
}

static void
test_overlay(void)
{
    assert_argv(drv_qemu_img_overlay("0", GIB, "/ds//1/ab cd", "raw", NULL),
                "qemu-img|create|-q|-u|-f|qcow2|-b|/ds//1/ab cd|-F|raw|./0|1073741824");
    assert_argv(drv_qemu_img_overlay("1", GIB, "disk.0.snap/0", "qcow2", "-o compat=1.1"),
                "qemu-img|create|-q|-u|-f|qcow2|-b|disk.0.snap/0|-F|qcow2|"
                "-o|compat=1.1|./1|1073741824");
}

static void
test_convert(void)
{
    assert_argv(drv_qemu_img_convert("/ds/1/a", "qcow2", "out", "raw", TRUE),
                "qemu-img|convert|-q|-U|-W|-m|16|-f|qcow2|-O|raw|/ds/1/a|./out");
    assert_argv(drv_qemu_img_convert("-a", "raw", "out", "qcow2", FALSE),
                "qemu-img|convert|-q|-U|-W|-m|16|-f|raw|-O|qcow2|-S|0|./-a|./out");
}

static void
test_resize(void)
{
    assert_argv(drv_qemu_img_resize("disk.0", "qcow2", GIB, FALSE),
                "qemu-img|resize|-q|-f|qcow2|./disk.0|1073741824");
    assert_argv(drv_qemu_img_resize("disk.0", "raw", GIB, TRUE),
                "qemu-img|resize|-q|-f|raw|--preallocation=falloc|./disk.0|1073741824");
}

static void
test_rebase(void)
{
    assert_argv(
        drv_qemu_img_rebase("2", "disk.0.snap/0", "qcow2"),
        "qemu-img|rebase|-q|-t|writethrough|-f|qcow2|-b|disk.0.snap/0|-F|qcow2|./2");
    assert_argv(drv_qemu_img_rebase("2", "", "qcow2"),
                "qemu-img|rebase|-q|-t|writethrough|-f|qcow2|-b||./2");
    assert_argv(drv_qemu_img_rename_backing("2", "img.snap/1", "qcow2"),
                "qemu-img|rebase|-q|-u|-f|qcow2|-b|img.snap/1|-F|qcow2|./2");
}

/* --- for real --------------------------------------------------------------------------
 */

static void
run_in(int dir_fd, DrvCmd *made)
{
    g_autoptr(DrvCmd) cmd = made;
    g_autoptr(GError) error = NULL;

    drv_cmd_cwd(cmd, dir_fd);
    must(drv_cmd_run(cmd, &error));
}

static void
assert_image(const char *dir,
             const char *name,
             DrvImageFormat format,
             guint64 size,
             const char *backing)
{
    g_auto(DrvFd) fd = reopen(dir, name);
    g_auto(DrvImageInfo) info = { 0 };
    g_autoptr(GError) error = NULL;

    must(drv_inspect_fd(fd, name, &info, &error));
    g_assert_cmpint(info.format, ==, format);
    g_assert_cmpuint(info.virtual_size, ==, size);
    g_assert_cmpstr(info.backing_file, ==, backing);
}

/* A chain from first to last, in names that invite mistakes. */
static void
test_real(void)
{
    static const char base[] = "-o json:{\"driver\":\"raw\"} ,x";
    static const char top[] = "fat:top\n€";
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    run_in(fd, drv_qemu_img_create(base, "raw", 3 << 20, NULL));
    run_in(fd, drv_qemu_img_overlay("0", 4 << 20, "./base", "raw", NULL));
    assert_image(dir, "0", DRV_IMAGE_QCOW2, 4 << 20, "./base");
    run_in(fd, drv_qemu_img_convert(base, "raw", top, "qcow2", TRUE));
    assert_image(dir, top, DRV_IMAGE_QCOW2, 3 << 20, NULL);
    run_in(fd, drv_qemu_img_resize(top, "qcow2", 5 << 20, FALSE));
    assert_image(dir, top, DRV_IMAGE_QCOW2, 5 << 20, NULL);
    run_in(fd, drv_qemu_img_create("plain", "raw", 3 << 20, NULL));
    run_in(fd, drv_qemu_img_overlay("1", 3 << 20, "plain", "raw", "-o compat=1.1"));
    run_in(fd, drv_qemu_img_overlay("2", 3 << 20, "1", "qcow2", NULL));
    run_in(fd, drv_qemu_img_repair("2"));
    run_in(fd, drv_qemu_img_rebase("2", "plain", "raw"));
    assert_image(dir, "2", DRV_IMAGE_QCOW2, 3 << 20, "plain");
    run_in(fd, drv_qemu_img_rebase("2", "", "raw"));
    assert_image(dir, "2", DRV_IMAGE_QCOW2, 3 << 20, NULL);
    run_in(fd, drv_qemu_img_convert("2", "qcow2", "full", "raw", FALSE));
    run_in(fd, drv_qemu_img_resize("full", "raw", 6 << 20, TRUE));
    assert_image(dir, "full", DRV_IMAGE_RAW, 6 << 20, NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/image/create", test_create);
    g_test_add_func("/image/overlay", test_overlay);
    g_test_add_func("/image/convert", test_convert);
    g_test_add_func("/image/resize", test_resize);
    g_test_add_func("/image/rebase", test_rebase);
    g_test_add_func("/image/real", test_real);
    return g_test_run();
}
