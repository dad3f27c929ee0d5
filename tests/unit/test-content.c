/* SPDX-License-Identifier: Apache-2.0 */
#include "source/content.h"

#include <string.h>

#include "scratch.h"

static char *
content_at(int fd)
{
    g_autoptr(GError) error = NULL;
    char *content = drv_content_of(fd, "file", &error);

    g_assert_no_error(error);
    g_assert_true(drv_content_is_valid(content));
    return content;
}

static void
test_holes(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) sparse = scratch_open(dir, "sparse");
    g_auto(DrvFd) full = scratch_open(dir, "full");
    g_auto(DrvFd) longer = scratch_open(dir, "longer");
    g_auto(DrvFd) moved = scratch_open(dir, "moved");
    g_autofree guint8 *zeros = g_malloc0(1000000);
    g_autofree char *a = NULL, *b = NULL, *c = NULL, *d = NULL;

    g_assert_cmpint(ftruncate(sparse, 1000000), ==, 0);
    put_at(sparse, "data", 4, 700000);
    put_at(full, zeros, 1000000, 0);
    put_at(full, "data", 4, 700000);
    g_assert_cmpint(ftruncate(longer, 1000001), ==, 0);
    put_at(longer, "data", 4, 700000);
    g_assert_cmpint(ftruncate(moved, 1000000), ==, 0);
    put_at(moved, "data", 4, 700001);
    a = content_at(sparse);
    b = content_at(full);
    c = content_at(longer);
    d = content_at(moved);
    g_assert_cmpstr(a, ==, b);
    g_assert_cmpstr(a, !=, c);
    g_assert_cmpstr(a, !=, d);
}

/* What is noted counts only for the file as it was. */
static void
test_note(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) fd = scratch_open(dir, "file");
    struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1000000000 } };
    g_autofree char *first = NULL, *same = NULL, *second = NULL, *third = NULL;

    put_at(fd, "one", 3, 0);
    g_assert_cmpint(futimens(fd, times), ==, 0);
    first = content_at(fd);
    same = content_at(fd);
    g_assert_cmpstr(first, ==, same);
    put_at(fd, "two", 3, 0);
    second = content_at(fd);
    g_assert_cmpstr(first, !=, second);
    put_at(fd, "one", 3, 0);
    third = content_at(fd);
    g_assert_cmpstr(first, ==, third);
    {
        /* A copy has the attribute, too, but it is another file. */
        g_autofree char *from = g_build_filename(dir, "file", NULL);
        g_autofree char *to = g_build_filename(dir, "copy", NULL);
        g_auto(DrvFd) copy = -1;
        g_autofree char *content = NULL;

        run_ok("cp", "-a", from, to, NULL);
        copy = reopen(dir, "copy");
        g_assert_cmpint(futimens(copy, times), ==, 0);
        put_at(copy, "two", 3, 0);
        g_assert_cmpint(futimens(copy, times), ==, 0);
        content = content_at(copy);
        g_assert_cmpstr(content, ==, second);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/content/holes", test_holes);
    g_test_add_func("/content/note", test_note);
    return g_test_run();
}
