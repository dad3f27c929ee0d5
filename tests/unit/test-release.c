/* SPDX-License-Identifier: Apache-2.0 */
#include "base/release.h"
#include "scratch.h"

static const struct {
    const char *text;
    DrvRelease release;
    DrvErrorEra era;
} releases[] = {
    { "4.14.2", { 4, 14, 2 }, DRV_ERA_MARKERS },
    { "5.4.15\n", { 5, 4, 15 }, DRV_ERA_MARKERS },
    { "5.12.0.4", { 5, 12, 0 }, DRV_ERA_MARKERS },
    { "6.0.2", { 6, 0, 2 }, DRV_ERA_MARKERS },
    { "6.0.3", { 6, 0, 3 }, DRV_ERA_WHOLE },
    { "6.4.6", { 6, 4, 6 }, DRV_ERA_WHOLE },
    { "6.10.5", { 6, 10, 5 }, DRV_ERA_WHOLE },
    { "6.99", { 6, 99, 0 }, DRV_ERA_WHOLE },
    { "7.0.0", { 7, 0, 0 }, DRV_ERA_FILTERED },
    { " 7.4.0 (build 1)", { 7, 4, 0 }, DRV_ERA_FILTERED },
    { "10.0.0", { 10, 0, 0 }, DRV_ERA_FILTERED },
};

static void
test_parse(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(releases); i++) {
        DrvRelease read = { 99, 99, 99 };

        g_assert_true(drv_release_parse(releases[i].text, &read));
        g_assert_cmpuint(read.major, ==, releases[i].release.major);
        g_assert_cmpuint(read.minor, ==, releases[i].release.minor);
        g_assert_cmpuint(read.patch, ==, releases[i].release.patch);
        g_assert_cmpint(drv_release_error_era(&read), ==, releases[i].era);
    }
}

static void
test_no_release(void)
{
    static const char *const texts[] = { "", "7", "seven.four", ".4.0", "v7.4.0", "\n" };
    DrvRelease read = { 1, 2, 3 };

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_assert_false(drv_release_parse(texts[i], &read));
    g_assert_cmpuint(read.major, ==, 1);
}

static void
test_at_least(void)
{
    const DrvRelease release = { 6, 4, 6 };

    g_assert_true(drv_release_at_least(&release, 6, 4, 6));
    g_assert_true(drv_release_at_least(&release, 6, 4, 0));
    g_assert_true(drv_release_at_least(&release, 6, 3, 9));
    g_assert_true(drv_release_at_least(&release, 5, 12, 99));
    g_assert_false(drv_release_at_least(&release, 6, 4, 7));
    g_assert_false(drv_release_at_least(&release, 6, 10, 0));
    g_assert_false(drv_release_at_least(&release, 7, 0, 0));
}

/* Each in a process of its own, as the file is read once. */
static void
read_file(const char *text, const DrvRelease *wanted)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *path = g_build_filename(dir, "VERSION", NULL);
    const DrvRelease *read;

    if (text)
        g_assert_true(g_file_set_contents(path, text, -1, NULL));
    read = drv_release_of(dir);
    g_assert_cmpuint(read->major, ==, wanted->major);
    g_assert_cmpuint(read->minor, ==, wanted->minor);
    g_assert_cmpuint(read->patch, ==, wanted->patch);
    g_assert_true(drv_release_of("/nowhere") == read);
}

static void
test_file(gconstpointer data)
{
    static const DrvRelease old = { 5, 4, 15 };
    static const DrvRelease newest = { 7, 4, 0 };

    if (g_test_subprocess()) {
        read_file(data, g_strcmp0(data, "5.4.15\n") == 0 ? &old : &newest);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    if (g_strcmp0(data, "nonsense") == 0)
        g_test_trap_assert_stderr("WARN: drv: '*/VERSION' has no release number*\n");
    else
        g_test_trap_assert_stderr("");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/release/parse", test_parse);
    g_test_add_func("/release/no-release", test_no_release);
    g_test_add_func("/release/at-least", test_at_least);
    g_test_add_data_func("/release/file/there", "5.4.15\n", test_file);
    g_test_add_data_func("/release/file/missing", NULL, test_file);
    g_test_add_data_func("/release/file/nonsense", "nonsense", test_file);
    return g_test_run();
}
