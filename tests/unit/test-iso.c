/* SPDX-License-Identifier: Apache-2.0 */
/* Images are looked at with isoinfo, which is not by the library that writes them. */
#include <locale.h>
#include <string.h>
#include <sys/mman.h>

#include "image/iso.h"
#include "scratch.h"

#define CHARSET                                                                          \
    "iso8859-15" /* isoinfo knows no UTF-8 for Joliet; this one has all of ours */

static const char *const names[] = {
    "context.sh",
    "token.txt",
    "a file with spaces",
    "it's \"quoted\" $(id) `x` & more",
    "-rf",
    "Grüße €",
    "UPPER and lower.TXT",
    "no_extension_but_a_rather_long_name_that_is_more_than_thirty-one_characters",
    "two.dots.in.name",
    "#hash;semicolon",
};

static void
write_file(const char *dir, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void
add(DrvIso *iso, const char *dir, const char *file, const char *name)
{
    g_autofree char *path = g_build_filename(dir, file, NULL);
    g_autoptr(GError) error = NULL;

    must(drv_iso_add(iso, path, name, &error));
}

/* What isoinfo says with @option; of file @value, with a line break before it. */
static char *
isoinfo(const char *dir, const char *image, const char *option, const char *value)
{
    g_autofree char *path = g_build_filename(dir, image, NULL);
    g_autoptr(DrvCmd) cmd = drv_cmd_new("isoinfo", "-j", CHARSET, "-i", path, NULL);
    GString *out = g_string_new("\n");
    g_autoptr(GError) error = NULL;

    drv_cmd_arg(cmd, option);
    if (g_str_equal(option, "-R") || g_str_equal(option, "-J"))
        drv_cmd_arg(cmd, value ? "-x" : "-f");
    if (value)
        drv_cmd_arg(cmd, value);
    must(drv_cmd_capture(cmd, out, 1 << 24, &error));
    return g_string_free(out, FALSE);
}

static void
assert_name(const char *listing, const char *name)
{
    g_autofree char *line = g_strdup_printf("\n/%s\n", name);

    if (strstr(listing, line) == NULL)
        g_error("no '%s' in %s", name, listing);
}

static void
test_names(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) fd = scratch_open(dir, "image.iso");
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvIso) iso = drv_iso_new(fd, "CONTEXT", &error);
    g_autofree char *rock_ridge = NULL;
    g_autofree char *joliet = NULL;
    g_autofree char *about = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        write_file(dir, "source", names[i]);
        add(iso, dir, "source", names[i]);
    }
    must(drv_iso_finish(iso, &error));
    rock_ridge = isoinfo(dir, "image.iso", "-R", NULL);
    joliet = isoinfo(dir, "image.iso", "-J", NULL);
    about = isoinfo(dir, "image.iso", "-d", NULL);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_strconcat("/", names[i], NULL);
        g_autofree char *content = isoinfo(dir, "image.iso", "-R", path);
        char *cut =
            g_utf8_offset_to_pointer(names[i], MIN(64, g_utf8_strlen(names[i], -1)));

        assert_name(rock_ridge, names[i]);
        g_assert_cmpstr(content + 1, ==, names[i]);
        if (strpbrk(names[i], ";*\"?:\\") == NULL && *cut == '\0') {
            g_autofree char *shown =
                g_convert(names[i], -1, CHARSET, "UTF-8", NULL, NULL, &error);

            g_assert_no_error(error);
            assert_name(joliet, shown);
        }
    }
    g_assert_nonnull(strstr(about, "\nVolume id: CONTEXT\n"));
    g_assert_nonnull(strstr(about, "Rock Ridge signatures"));
    g_assert_nonnull(strstr(about, "Joliet with UCS level 3"));
}

static void
test_dir(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *tree = g_build_filename(dir, "tree", "sub dir", NULL);
    g_autofree char *link = g_build_filename(dir, "tree", "link", NULL);
    g_auto(DrvFd) fd = scratch_open(dir, "image.iso");
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvIso) iso = drv_iso_new(fd, "CONTEXT", &error);
    g_autofree char *listing = NULL;
    g_autofree char *content = NULL;

    g_assert_cmpint(g_mkdir_with_parents(tree, 0755), ==, 0);
    write_file(tree, "file", "inside");
    write_file(tree, "empty", "");
    g_assert_cmpint(symlink("sub dir/file", link), ==, 0);
    add(iso, dir, "tree", "my files");
    must(drv_iso_finish(iso, &error));
    listing = isoinfo(dir, "image.iso", "-R", NULL);
    assert_name(listing, "my files/sub dir/file");
    assert_name(listing, "my files/sub dir/empty");
    assert_name(listing, "my files/link");
    content = isoinfo(dir, "image.iso", "-R", "/my files/link");
    g_assert_cmpstr(content, ==, "\ninside");
}

/* As deep as can be, in several branches; one more is refused. */
static void
test_deep(void)
{
    static const char *const heads[] = { "a", "b", "c" };
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) fd = scratch_open(dir, "image.iso");
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvIso) iso = drv_iso_new(fd, "CONTEXT", &error);
    g_autofree char *too_deep = g_strdup_printf("%s/t/1/2/3/4/5/6/7", dir);
    g_autofree char *top = g_build_filename(dir, "t", NULL);
    g_autofree char *listing = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(heads); i++) {
        g_autofree char *path = g_strdup_printf("%s/%s/1/2/3/4/5/6", dir, heads[i]);

        g_assert_cmpint(g_mkdir_with_parents(path, 0755), ==, 0);
        write_file(path, "file", heads[i]);
        add(iso, dir, heads[i], heads[i]);
    }
    must(drv_iso_finish(iso, &error));
    listing = isoinfo(dir, "image.iso", "-R", NULL);
    assert_name(listing, "a/1/2/3/4/5/6/file");
    assert_name(listing, "c/1/2/3/4/5/6/file");
    g_clear_pointer(&iso, drv_iso_free);
    iso = drv_iso_new(fd, "CONTEXT", &error);
    g_assert_cmpint(g_mkdir_with_parents(too_deep, 0755), ==, 0);
    g_assert_false(drv_iso_add(iso, top, "t", &error));
    assert_error_text(error, DRV_ERROR_REFUSED, "/t/1/2/3/4/5/6/7' is nested too deeply");
}

static void
test_large_file(void)
{
    gsize size = 5000003;
    g_autofree guint8 *data = noise(size, 3);
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) in = scratch_open(dir, "large");
    g_auto(DrvFd) fd = scratch_open(dir, "image.iso");
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvIso) iso = drv_iso_new(fd, "CONTEXT", &error);
    g_autofree char *path = g_build_filename(dir, "image.iso", NULL);
    g_autoptr(DrvCmd) cmd =
        drv_cmd_new("isoinfo", "-i", path, "-R", "-x", "/large", NULL);
    g_autoptr(GString) got = g_string_new(NULL);

    put_at(in, data, size, 0);
    add(iso, dir, "large", "large");
    must(drv_iso_finish(iso, &error));
    must(drv_cmd_capture(cmd, got, 1 << 24, &error));
    g_assert_cmpmem(got->str, got->len, data, size);
    /* The file's descriptor is at its start or end, but still ours. */
    g_assert_cmpint(fcntl(fd, F_GETFD), >=, 0);
}

static void
test_bad_files(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *fifo = g_build_filename(dir, "fifo", NULL);
    g_autofree char *loop = g_build_filename(dir, "directory", "loop", NULL);
    g_autofree char *directory = g_build_filename(dir, "directory", NULL);
    g_autofree char *none = g_build_filename(dir, "none", NULL);
    g_auto(DrvFd) fd = scratch_open(dir, "image.iso");
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvIso) iso = drv_iso_new(fd, "CONTEXT", &error);

    g_assert_false(drv_iso_add(iso, none, "none", &error));
    assert_error_text(error, DRV_ERROR_NOT_FOUND, "/none'");
    g_clear_error(&error);
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    g_assert_false(drv_iso_add(iso, fifo, "fifo", &error));
    assert_error_text(error, DRV_ERROR_REFUSED, "is neither a file nor a directory");
    g_clear_error(&error);
    g_assert_cmpint(g_mkdir(directory, 0755), ==, 0);
    g_assert_cmpint(symlink(".", loop), ==, 0);
    g_assert_false(drv_iso_add(iso, directory, "directory", &error));
    assert_error_text(error, DRV_ERROR_REFUSED, "is nested too deeply");
}

static void
test_full(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvIso) iso = drv_iso_new(full, "CONTEXT", &error);

    write_file(dir, "file", "text");
    add(iso, dir, "file", "file");
    g_assert_false(drv_iso_finish(iso, &error));
    assert_error_text(error, DRV_ERROR_NO_SPACE, "to the ISO image: ");
}

/* An archive that is given up leaks a few bytes inside the library. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
    return "leak:libarchive.so";
}

int
main(int argc, char **argv)
{
    setlocale(LC_ALL, "C.UTF-8"); /* as drv_action_init() does: names are UTF-8 */
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/iso/names", test_names);
    g_test_add_func("/iso/directories", test_dir);
    g_test_add_func("/iso/deep", test_deep);
    g_test_add_func("/iso/large-file", test_large_file);
    g_test_add_func("/iso/bad-files", test_bad_files);
    g_test_add_func("/iso/full", test_full);
    return g_test_run();
}
