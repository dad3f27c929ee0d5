/* SPDX-License-Identifier: Apache-2.0 */
/* Archives of users, honest and hostile. */
#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "base/path.h"
#include "scratch.h"
#include "source/extract.h"
#include "source/unpack.h"

typedef struct {
    const char *name, *text; /* text: of a file, or where a link leads to */
    unsigned type;           /* 0: a file */
} Entry;

#define HARD_LINK 1U

static GString *
make_tar(const Entry *entries, gboolean compressed)
{
    struct archive *archive = archive_write_new();
    gsize room = 4 << 20, used = 0;
    g_autofree char *buffer = g_malloc(room);

    archive_write_set_format_pax_restricted(archive);
    if (compressed)
        archive_write_add_filter_gzip(archive);
    g_assert_cmpint(
        archive_write_open_memory(archive, buffer, room, &used), ==, ARCHIVE_OK);
    for (; entries->name; entries++) {
        struct archive_entry *entry = archive_entry_new();
        gboolean is_file = entries->type == 0;

        archive_entry_set_pathname(entry, entries->name);
        archive_entry_set_perm(entry, 04777);
        archive_entry_set_filetype(
            entry, is_file || entries->type == HARD_LINK ? AE_IFREG : entries->type);
        archive_entry_set_size(entry, is_file ? (la_int64_t)strlen(entries->text) : 0);
        if (entries->type == AE_IFLNK)
            archive_entry_set_symlink(entry, entries->text);
        if (entries->type == HARD_LINK)
            archive_entry_set_hardlink(entry, entries->text);
        g_assert_cmpint(archive_write_header(archive, entry), >=, ARCHIVE_WARN);
        if (is_file)
            archive_write_data(archive, entries->text, strlen(entries->text));
        archive_entry_free(entry);
    }
    archive_write_close(archive);
    archive_write_free(archive);
    return g_string_new_len(buffer, (gssize)used);
}

static gboolean
extract(const GString *tar, const char *dir, GError **error)
{
    static const DrvExtractLimits limits = { .max_bytes = 1 << 20, .max_entries = 8 };
    g_autoptr(DrvSource) source = drv_source_new_unpacked(
        drv_source_new_memory(tar->str, tar->len, "it"), NULL, error);
    g_auto(DrvFd) fd = drv_path_open_dir(dir, error);

    return source && fd >= 0 && drv_extract_tar(source, "tpm", fd, dir, &limits, error);
}

static void
free_string(GString *string)
{
    g_string_free(string, TRUE);
}
typedef GString Tar;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tar, free_string)

static void
check_text(const char *dir, const char *name, const char *want)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    struct stat st;

    must(g_file_get_contents(path, &text, NULL, &error));
    g_assert_cmpstr(text, ==, want);
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, 0600);
}

static void
test_good(void)
{
    static const Entry entries[] = {
        { "./", "", AE_IFDIR },
        { "README", "beside it", 0 },
        { "./tpm/", "", AE_IFDIR },
        { "./tpm/tpm2-00.permall", "state", 0 },
        { "tpm/deep/er/log", "log", 0 },
        { "tpm2/other", "x", 0 },
        { NULL, NULL, 0 },
    };

    for (guint compressed = 0; compressed < 2; compressed++) {
        g_autoptr(Scratch) dir = scratch_new();
        g_autoptr(Tar) tar = make_tar(entries, compressed);
        g_autoptr(GError) error = NULL;
        g_auto(DrvFd) fd = drv_path_open_dir(dir, &error);
        g_auto(GStrv) names = NULL;

        must(extract(tar, dir, &error));
        check_text(dir, "tpm/tpm2-00.permall", "state");
        check_text(dir, "tpm/deep/er/log", "log");
        names = drv_path_list(fd, dir, &error);
        g_assert_cmpuint(g_strv_length(names), ==, 1);
    }
}

static void
check_refused(const Entry *entries, const char *why)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *outside = g_build_filename(dir, "outside", NULL);
    g_autofree char *below = g_build_filename(dir, "below", NULL);
    g_autoptr(Tar) tar = make_tar(entries, FALSE);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(g_mkdir(below, 0700), ==, 0);
    g_assert_false(extract(tar, below, &error));
    g_assert_true(drv_error_is(error, DRV_ERROR_REFUSED));
    if (strstr(error->message, why) == NULL)
        g_error("not '%s': %s", why, error->message);
    g_assert_false(g_file_test(outside, G_FILE_TEST_EXISTS));
}

static void
test_hostile(void)
{
    static const struct {
        Entry entries[4];
        const char *why;
    } cases[] = {
        { { { "../outside", "x", 0 } }, "'../outside' leads out of it" },
        { { { "tpm/../../outside", "x", 0 } }, "leads out of it" },
        { { { "/tmp/outside", "x", 0 } }, "is an absolute name" },
        { { { "tpm/a\nb", "/etc/passwd", AE_IFLNK } }, "'tpm/a\\nb' is neither" },
        { { { "tpm", "..", AE_IFLNK }, { "tpm/outside", "x", 0 } }, "'tpm' is neither" },
        { { { "tpm/a", "x", 0 }, { "tpm/b", "/etc/passwd", HARD_LINK } }, "is neither" },
        { { { "tpm/fifo", "", AE_IFIFO } }, "is neither" },
        { { { "tpm/a", "x", 0 }, { "tpm/a", "y", 0 } }, "'tpm/a' is there already" },
        { { { "tpm", "x", 0 }, { "tpm/a", "y", 0 } }, "'tpm' is there already" },
        { { { "other", "x", 0 } }, "has no directory 'tpm'" },
        { { { NULL, NULL, 0 } }, "has no directory 'tpm'" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        check_refused(cases[i].entries, cases[i].why);
}

static void
test_limits(void)
{
    g_autofree char *large = g_strnfill((1 << 20) + 1, 'x');
    Entry one[] = { { "tpm/a", large, 0 }, { NULL, NULL, 0 } };
    Entry many[10] = { { NULL, NULL, 0 } };

    check_refused(one, "the archive has more than 1 MiB");
    for (guint i = 0; i < 9; i++)
        many[i] = (Entry){ "tpm-x", "x", 0 };
    check_refused(many, "the archive has more than 8 entries");
}

static void
test_damaged(void)
{
    static const Entry entries[] = { { "tpm/a", "some state", 0 }, { NULL, NULL, 0 } };
    g_autoptr(Tar) tar = make_tar(entries, TRUE);

    for (gsize size = 0; size < tar->len; size += 7) {
        g_autoptr(Scratch) dir = scratch_new();
        g_autoptr(Tar) cut = g_string_new_len(tar->str, (gssize)size);
        g_autoptr(GError) error = NULL;

        g_assert_false(extract(cut, dir, &error));
        g_assert_true(drv_error_is(error, DRV_ERROR_REFUSED));
    }
}

/* A link that is there before is not followed. */
static void
test_planted(void)
{
    static const Entry entries[] = { { "tpm/a", "x", 0 }, { NULL, NULL, 0 } };
    g_autoptr(Scratch) dir = scratch_new();
    g_autoptr(Scratch) other = scratch_new();
    g_autofree char *link = g_build_filename(dir, "tpm", NULL);
    g_autofree char *stolen = g_build_filename(other, "a", NULL);
    g_autoptr(Tar) tar = make_tar(entries, FALSE);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(symlink(other, link), ==, 0);
    g_assert_false(extract(tar, dir, &error));
    g_assert_true(drv_error_is(error, DRV_ERROR_REFUSED));
    g_assert_false(g_file_test(stolen, G_FILE_TEST_EXISTS));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/extract/good", test_good);
    g_test_add_func("/extract/hostile", test_hostile);
    g_test_add_func("/extract/limits", test_limits);
    g_test_add_func("/extract/damaged", test_damaged);
    g_test_add_func("/extract/planted", test_planted);
    return g_test_run();
}
