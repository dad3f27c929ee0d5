/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "base/action.h"
#include "base/path.h"
#include "scratch.h"

/* A directory with directory "in" and beside it directory "out" with file "secret". */
typedef struct {
    char *dir;
    char *in;
    char *out;
    char *secret;
    int fd; /* of "in" */
} Place;

static void
place_make(Place *place)
{
    place->dir = scratch_new();
    place->in = g_build_filename(place->dir, "in", NULL);
    place->out = g_build_filename(place->dir, "out", NULL);
    place->secret = g_build_filename(place->out, "secret", NULL);
    g_assert_cmpint(g_mkdir(place->in, 0755), ==, 0);
    g_assert_cmpint(g_mkdir(place->out, 0755), ==, 0);
    g_assert_true(g_file_set_contents(place->secret, "secret", -1, NULL));
    place->fd = open(place->in, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(place->fd, >=, 0);
}

static void
place_clear(Place *place)
{
    close(place->fd);
    g_free(place->in);
    g_free(place->out);
    g_free(place->secret);
    scratch_remove(place->dir);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

#define PLACE()                                                                          \
    g_auto(Place) place = { 0 };                                                         \
    place_make(&place)

/* --- opening ---------------------------------------------------------------------------
 */

static void
test_dir(void)
{
    PLACE();
    g_autofree char *deep = g_build_filename(place.in, "a", "b", NULL);
    g_autofree char *file = g_build_filename(place.out, "secret", "x", NULL);
    g_autoptr(GError) error = NULL;
    g_auto(DrvFd) made = drv_path_make_dir(deep, &error);
    g_auto(DrvFd) again = drv_path_make_dir(deep, &error);
    g_auto(DrvFd) none = -1;

    g_assert_no_error(error);
    g_assert_cmpint(again, >=, 0);
    g_assert_cmpint(fcntl(made, F_GETFD), ==, FD_CLOEXEC);
    none = drv_path_make_dir(file, &error);
    g_assert_cmpint(none, ==, -1);
    assert_error_text(error, DRV_ERROR_NOT_FOUND, "cannot create directory '");
    g_clear_error(&error);
    g_assert_cmpint(drv_path_open_dir("/no/such/directory", &error), ==, -1);
    assert_error_text(
        error, DRV_ERROR_NOT_FOUND, "cannot open directory '/no/such/directory'");
}

static void
plant(const Place *place, const char *name, const char *target)
{
    g_assert_cmpint(symlinkat(target, place->fd, name), ==, 0);
}

/* What a VM or a user may have planted is never followed. */
static void
test_links(void)
{
    static const char *const names[] = {
        "file-link",
        "directory-link/secret",
        "up-link/out/secret",
        "abs-link",
        "dangling",
        "loop",
        "magic",
    };
    PLACE();

    plant(&place, "file-link", "../out/secret");
    plant(&place, "directory-link", "../out");
    plant(&place, "up-link", "..");
    plant(&place, "abs-link", place.secret);
    plant(&place, "dangling", "nothing");
    plant(&place, "loop", "loop");
    plant(&place, "magic", "/proc/self/exe");
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        static const int flags[] = { O_RDONLY, O_RDWR, O_WRONLY | O_CREAT | O_TRUNC };

        for (guint k = 0; k < G_N_ELEMENTS(flags); k++) {
            g_autoptr(GError) error = NULL;

            g_assert_cmpint(drv_path_open_beneath(
                                place.fd, place.in, names[i], flags[k], 0600, &error),
                            ==,
                            -1);
            assert_error_text(error, DRV_ERROR_REFUSED, names[i]);
        }
    }
    g_assert_false(drv_path_exists(place.fd, "nothing"));
}

static void
test_escapes(void)
{
    static const char *const names[] = {
        "../out/secret", "..", "/etc/passwd", "sub/../../out/secret"
    };
    PLACE();

    g_assert_cmpint(mkdirat(place.fd, "sub", 0755), ==, 0);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_cmpint(
            drv_path_open_beneath(place.fd, place.in, names[i], O_RDONLY, 0, &error),
            ==,
            -1);
        assert_error_text(error, DRV_ERROR_REFUSED, names[i]);
    }
}

static void
test_beneath(void)
{
    PLACE();
    g_autoptr(GError) error = NULL;
    g_auto(DrvFd) directory = drv_path_make_beneath(place.fd, place.in, "a", &error);
    g_auto(DrvFd) file = drv_path_open_beneath(
        place.fd, place.in, "a/new \n€", O_RDWR | O_CREAT | O_EXCL, 0640, &error);
    g_auto(DrvFd) again = drv_path_make_beneath(place.fd, place.in, "a", &error);

    g_assert_no_error(error);
    g_assert_cmpint(again, >=, 0);
    g_assert_cmpint(fcntl(file, F_GETFD), ==, FD_CLOEXEC);
    g_assert_true(drv_path_exists(directory, "new \n€"));
    plant(&place, "link", "../out");
    g_assert_cmpint(drv_path_make_beneath(place.fd, place.in, "link", &error), ==, -1);
    assert_error_text(error, DRV_ERROR_REFUSED, "/in/link' is or goes through");
    g_clear_error(&error);
    g_assert_cmpint(
        drv_path_open_beneath(place.fd, place.in, "none", O_RDONLY, 0, &error), ==, -1);
    assert_error_text(error, DRV_ERROR_NOT_FOUND, "/in/none'");
}

/* --- removing --------------------------------------------------------------------------
 */

static void
test_remove_tree(void)
{
    PLACE();
    g_autofree char *deep = g_build_filename(place.in, "t", "a", "b", NULL);
    g_autofree char *link = g_build_filename(deep, "link", NULL);
    g_autofree char *file = g_build_filename(deep, "file", NULL);
    g_autoptr(GError) error = NULL;

    must(drv_path_remove_tree(place.fd, place.in, "t", &error)); /* not there */
    g_assert_cmpint(g_mkdir_with_parents(deep, 0755), ==, 0);
    g_assert_cmpint(symlink(place.out, link), ==, 0);
    g_assert_true(g_file_set_contents(file, "x", -1, NULL));
    plant(&place, "t/self", ".");
    must(drv_path_remove_tree(place.fd, place.in, "t", &error));
    g_assert_false(drv_path_exists(place.fd, "t"));
    plant(&place, "link", place.out);
    must(drv_path_remove_tree(place.fd, place.in, "link", &error));
    g_assert_false(drv_path_exists(place.fd, "link"));
    g_assert_true(g_file_test(place.secret, G_FILE_TEST_EXISTS));
}

static void
test_remove_too_deep(void)
{
    PLACE();
    g_autoptr(GString) path = g_string_new(place.in);
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < 80; i++)
        g_string_append(path, "/d");
    g_assert_cmpint(g_mkdir_with_parents(path->str, 0755), ==, 0);
    g_assert_false(drv_path_remove_tree(place.fd, place.in, "d", &error));
    assert_error_text(error, DRV_ERROR_REFUSED, "too deep");
}

/* Not even a file system that is mounted below is entered. */
static void
remove_mounted(void)
{
    PLACE();
    g_autofree char *mount_point = g_build_filename(place.in, "t", "m", NULL);
    g_autofree char *file = g_build_filename(mount_point, "kept", NULL);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(g_mkdir_with_parents(mount_point, 0755), ==, 0);
    g_assert_cmpint(mount("x", mount_point, "tmpfs", 0, NULL), ==, 0);
    g_assert_true(g_file_set_contents(file, "x", -1, NULL));
    g_assert_false(drv_path_remove_tree(place.fd, place.in, "t", &error));
    assert_error_text(error, DRV_ERROR_REFUSED, "/t/m' is another file system");
    g_assert_true(g_file_test(file, G_FILE_TEST_EXISTS));
    g_assert_cmpint(umount(mount_point), ==, 0);
}

static void
test_remove_mounted(void)
{
    if (geteuid() != 0) {
        g_test_skip("needs root");
        return;
    }
    remove_mounted();
}

static void
test_unlink(void)
{
    PLACE();
    g_autoptr(GError) error = NULL;

    plant(&place, "link", "../out/secret");
    must(drv_path_unlink(place.fd, place.in, "link", &error));
    must(drv_path_unlink(place.fd, place.in, "link", &error));
    g_assert_true(g_file_test(place.secret, G_FILE_TEST_EXISTS));
    must(drv_path_unlink(place.fd, place.in, place.secret, &error));
    g_assert_false(g_file_test(place.secret, G_FILE_TEST_EXISTS));
    g_assert_cmpint(mkdirat(place.fd, "d", 0755), ==, 0);
    g_assert_false(drv_path_unlink(place.fd, place.in, "d", &error));
    assert_error_text(error, DRV_ERROR_FAILED, "/in/d'");
    drv_path_remove_empty(place.fd, "d");
    g_assert_false(drv_path_exists(place.fd, "d"));
    g_assert_cmpint(mkdirat(place.fd, "full", 0755), ==, 0);
    g_assert_cmpint(mkdirat(place.fd, "full/x", 0755), ==, 0);
    drv_path_remove_empty(place.fd, "full");
    g_assert_true(drv_path_exists(place.fd, "full"));
}

static void
test_rename_noreplace(void)
{
    PLACE();

    plant(&place, "a", "one");
    plant(&place, "b", "two");
    g_assert_cmpint(drv_path_rename_noreplace(place.fd, "a", place.fd, "b"), ==, -1);
    g_assert_cmpint(errno, ==, EEXIST);
    g_assert_cmpint(drv_path_rename_noreplace(place.fd, "a", place.fd, "c"), ==, 0);
    g_assert_false(drv_path_exists(place.fd, "a"));
    g_assert_true(drv_path_exists(place.fd, "c"));
    g_assert_cmpint(drv_path_rename_noreplace(place.fd, "a", place.fd, "d"), ==, -1);
    g_assert_cmpint(errno, ==, ENOENT);
}

/* --- looking ---------------------------------------------------------------------------
 */

static void
test_read_link(void)
{
    PLACE();
    g_autofree char *long_target = g_strnfill(4095, 'x');
    g_autofree char *text = NULL;

    plant(&place, "link", long_target);
    text = drv_path_read_link(place.fd, "link");
    g_assert_cmpstr(text, ==, long_target);
    g_assert_null(drv_path_read_link(place.fd, "none"));
    g_assert_null(drv_path_read_link(place.fd, "."));
}

static void
test_of_fd(void)
{
    PLACE();
    g_autofree char *real = realpath(place.in, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *path = drv_path_of_fd(place.fd, &error);

    g_assert_cmpstr(path, ==, real);
    g_assert_null(drv_path_of_fd(9999, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_NOT_FOUND);
}

static const struct {
    const char *path;
    const char *collapsed;
} collapses[] = {
    { "", "" },
    { "/", "/" },
    { "///", "/" },
    { "/var/lib/one//datastores/1", "/var/lib/one/datastores/1" },
    { "//a///b/", "/a/b" },
    { "a//b//", "a/b" },
    { "/a b/\n//c", "/a b/\n/c" },
};

static void
test_collapse(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(collapses); i++) {
        g_autofree char *got = drv_path_collapse(collapses[i].path);

        g_assert_cmpstr(got, ==, collapses[i].collapsed);
    }
}

static void
test_is_below(void)
{
    g_assert_true(drv_path_is_below("/var/lib/one", "/var/lib/one"));
    g_assert_true(drv_path_is_below("/var/lib/one/x", "/var/lib/one/"));
    g_assert_true(drv_path_is_below("/var//lib/one//x", "/var/lib//one"));
    g_assert_true(drv_path_is_below("/anything", "/"));
    g_assert_true(drv_path_is_below("/", "//"));
    g_assert_false(drv_path_is_below("/var/lib/oneadmin", "/var/lib/one"));
    g_assert_false(drv_path_is_below("/var/lib", "/var/lib/one"));
    g_assert_false(drv_path_is_below("/var", ""));
    g_assert_false(drv_path_is_below("relative", "/"));
    g_assert_false(drv_path_is_below("/a/vXr", "/a/v.r")); /* no expressions */
}

/* --- what users may read ---------------------------------------------------------------
 */

static void
check_allowed(void)
{
    PLACE();
    g_autofree char *location = g_build_filename(place.in, "one", NULL);
    g_autofree char *var = g_build_filename(location, "var", NULL);
    g_autofree char *ours = g_build_filename(place.out, "datastores", "x", NULL);
    g_autofree char *link = g_build_filename(place.dir, "link", NULL);
    g_autofree char *etc = g_build_filename(location, "etc", "passwords", NULL);
    const char *const everything[] = { "/", NULL };
    const char *const out[] = { place.out, NULL };
    const char *argv[] = { "/x/tm/y/z", NULL };
    const char *const by_link[] = { "not-absolute", link, NULL };

    g_setenv("ONE_LOCATION", location, TRUE);
    g_assert_cmpint(g_mkdir(location, 0755), ==, 0);
    g_assert_cmpint(symlink(place.out, var), ==, 0);
    g_assert_cmpint(symlink(place.out, link), ==, 0);
    drv_action_init(1, (char **)argv);
    g_assert_true(drv_path_is_allowed("/usr/share/x", NULL, NULL));
    g_assert_false(drv_path_is_allowed(etc, NULL, NULL));
    g_assert_false(drv_path_is_allowed(ours, NULL, NULL)); /* var is a link to it */
    g_assert_false(drv_path_is_allowed("/usr/share/x", NULL, everything));
    g_assert_true(drv_path_is_allowed(place.secret, out, everything));
    g_assert_true(drv_path_is_allowed(place.secret, by_link, everything));
    g_assert_false(drv_path_is_allowed(place.in, out, everything));
    g_assert_false(drv_path_is_allowed(place.secret, NULL, by_link));
}

static void
test_allowed(void)
{
    if (g_test_subprocess()) {
        check_allowed();
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
}

static void
test_sync(void)
{
    PLACE();
    g_autoptr(GError) error = NULL;

    must(drv_path_sync_dir(place.fd, place.in, &error));
    g_assert_false(drv_path_sync_dir(9999, "/where", &error));
    assert_error_text(error, DRV_ERROR_FAILED, "cannot sync directory '/where'");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/path/directories", test_dir);
    g_test_add_func("/path/links", test_links);
    g_test_add_func("/path/escapes", test_escapes);
    g_test_add_func("/path/beneath", test_beneath);
    g_test_add_func("/path/remove-tree", test_remove_tree);
    g_test_add_func("/path/remove-too-deep", test_remove_too_deep);
    g_test_add_func("/path/remove-mounted", test_remove_mounted);
    g_test_add_func("/path/unlink", test_unlink);
    g_test_add_func("/path/rename-noreplace", test_rename_noreplace);
    g_test_add_func("/path/read-link", test_read_link);
    g_test_add_func("/path/of-fd", test_of_fd);
    g_test_add_func("/path/collapse", test_collapse);
    g_test_add_func("/path/is-below", test_is_below);
    g_test_add_func("/path/allowed", test_allowed);
    g_test_add_func("/path/sync", test_sync);
    return g_test_run();
}
