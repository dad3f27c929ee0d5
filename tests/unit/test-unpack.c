/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "scratch.h"
#include "source/digest.h"
#include "source/unpack.h"

#define PLAIN_SIZE 2100000 /* more than two blocks of bzip2 */

/* The compressors and how they are called to replace "plain" by "plain<suffix>". */
typedef struct {
    DrvUnpackFilter filter;
    const char *program;
    const char *option;
    const char *suffix;
    gboolean sums; /* a changed byte of content is always noticed */
} Kind;

static const Kind kinds[] = {
    { DRV_UNPACK_GZIP, "gzip", "-kf", ".gz", TRUE },
    { DRV_UNPACK_BZIP2, "bzip2", "-kf", ".bz2", TRUE },
    { DRV_UNPACK_XZ, "xz", "-kf", ".xz", TRUE },
    { DRV_UNPACK_ZSTD, "zstd", "-qkf", ".zst", TRUE },
    { DRV_UNPACK_LZ4, "lz4", "-qkfm", ".lz4", TRUE },
};

/* Half noise, half text that compresses. */
static GString *
make_plain(guint32 seed, gsize size)
{
    g_autofree guint8 *data = noise(size / 2, seed);
    GString *plain = g_string_new_len((char *)data, (gssize)(size / 2));

    while (plain->len < size)
        g_string_append(plain, "the same words again and again, ");
    g_string_truncate(plain, size);
    return plain;
}

static GString *
compress(const Kind *kind, const GString *plain)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *path = g_build_filename(dir, "plain", NULL);
    g_autofree char *name = g_strconcat("plain", kind->suffix, NULL);
    g_auto(DrvFd) in = scratch_open(dir, "plain");
    g_auto(DrvFd) out = -1;

    put_at(in, plain->str, plain->len, 0);
    run_ok(kind->program, kind->option, path, NULL);
    out = reopen(dir, name);
    return content_of(out);
}

/* What comes out of @packed; NULL with @error. */
static GString *
unpack(const GString *packed, DrvUnpackFilter *filter, GError **error)
{
    g_autoptr(GString) plain = g_string_new(NULL);
    DrvSource *inner = drv_source_new_memory(packed->str, packed->len, "http://h/x");
    g_autoptr(DrvSource) source = drv_source_new_unpacked(inner, filter, error);
    char buffer[10007];
    gssize got = -1;

    while (source && (got = drv_source_read(source, buffer, sizeof buffer, error)) > 0)
        g_string_append_len(plain, buffer, got);
    return got < 0 ? NULL : g_steal_pointer(&plain);
}

static void
assert_unpacks(const GString *packed, const GString *plain, DrvUnpackFilter expected)
{
    g_autoptr(GError) error = NULL;
    DrvUnpackFilter filter = DRV_UNPACK_NONE;
    g_autoptr(GString) out = unpack(packed, &filter, &error);

    g_assert_no_error(error);
    g_assert_cmpint(filter, ==, expected);
    g_assert_true(g_string_equal(out, plain));
}

static void
assert_refused(const char *bytes, gsize size)
{
    g_autoptr(GString) packed = g_string_new_len(bytes, (gssize)size);
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) out = unpack(packed, NULL, &error);

    g_assert_null(out);
    assert_error_text(error, DRV_ERROR_REFUSED, "cannot decompress 'http://h/x' (");
}

static void
test_good(gconstpointer data)
{
    const Kind *kind = data;
    g_autoptr(GString) plain = make_plain(5, PLAIN_SIZE);
    g_autoptr(GString) empty = g_string_new(NULL);
    g_autoptr(GString) packed = compress(kind, plain);
    g_autoptr(GString) packed_empty = compress(kind, empty);
    g_autoptr(GString) twice = compress(kind, packed);
    g_autoptr(GString) both = g_string_new_len(packed->str, (gssize)packed->len);

    assert_unpacks(packed, plain, kind->filter);
    if (kind->filter == DRV_UNPACK_GZIP)
        assert_unpacks(packed_empty, empty, kind->filter);
    else
        assert_refused(packed_empty->str, packed_empty->len);
    assert_unpacks(twice, packed, kind->filter); /* one layer only */
    g_string_append_len(both, packed->str, (gssize)packed->len);
    g_string_append_len(plain, plain->str, (gssize)plain->len);
    assert_unpacks(both, plain, kind->filter);
}

static void
test_truncated(gconstpointer data)
{
    const Kind *kind = data;
    g_autoptr(GString) plain = make_plain(6, 3000);
    g_autoptr(GString) packed = compress(kind, plain);

    for (gsize size = 16; size < packed->len; size++)
        assert_refused(packed->str, size);
}

/* Change bytes @step apart: what still comes out has to be right. */
static guint
damage(const Kind *kind, gsize plain_size, gsize step, guint *tried)
{
    g_autoptr(GString) plain = make_plain(7, plain_size);
    g_autoptr(GString) packed = compress(kind, plain);
    guint noticed = 0;

    for (gsize at = 16; at < packed->len; at += step, (*tried)++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GString) out = NULL;

        packed->str[at] ^= 0x11;
        out = unpack(packed, NULL, &error);
        packed->str[at] ^= 0x11;
        noticed += out == NULL;
        if (out && !g_string_equal(out, plain))
            g_error("%s: damage at %zu was not noticed", kind->program, at);
    }
    return noticed;
}

static void
test_damaged(gconstpointer data)
{
    guint tried = 0;
    guint noticed =
        damage(data, 3000, 1, &tried) + damage(data, PLAIN_SIZE, 54321, &tried);

    g_assert_cmpuint(noticed, >, tried / 2);
}

/* Cut off between two blocks, too. */
static void
test_truncated_large(gconstpointer data)
{
    g_autoptr(GString) plain = make_plain(10, PLAIN_SIZE);
    g_autoptr(GString) packed = compress(data, plain);

    for (gsize size = packed->len - 1; size > 100000; size -= 98765)
        assert_refused(packed->str, size);
}

static void
test_trailing(gconstpointer data)
{
    const Kind *kind = data;
    g_autoptr(GString) plain = make_plain(8, 3000);
    g_autoptr(GString) packed = compress(kind, plain);
    gsize size = packed->len;

    g_string_append(packed, "garbage behind the end");
    assert_refused(packed->str, packed->len);
    g_string_truncate(packed, size);
    for (guint i = 0; i < 600000; i++)
        g_string_append_c(packed, 0);
    if (kind->filter == DRV_UNPACK_GZIP || kind->filter == DRV_UNPACK_BZIP2)
        assert_unpacks(packed, plain, kind->filter);
    g_string_append(packed, "garbage behind zeros");
    assert_refused(packed->str, packed->len);
}

static void
test_plain(void)
{
    const char *const starts[] = {
        "", "a", "\x1f\x8b", "\x1f\x8b\x07xxxxxxxx", "BZh9 is a text", "QFI\xfb"
    };

    for (guint i = 0; i < G_N_ELEMENTS(starts); i++) {
        g_autoptr(GString) plain = g_string_new(starts[i]);

        assert_unpacks(plain, plain, DRV_UNPACK_NONE);
    }
}

/* Its digest is compared although the decompressor stops before the padding. */
static void
test_digest_behind(void)
{
    g_autoptr(GString) plain = make_plain(9, 3000);
    g_autoptr(GString) packed = compress(&kinds[2], plain);
    const DrvDigestExpected wrong = {
        { "00000000000000000000000000000000", NULL, NULL }
    };
    g_autoptr(GError) error = NULL;
    DrvSource *inner = drv_source_new_memory(packed->str, packed->len, "x");
    g_autoptr(DrvSource) source = drv_source_new_unpacked(
        drv_source_new_digest(inner, &wrong, &error), NULL, &error);
    char buffer[5000];

    if (source) /* so short an input may have failed already */
        g_assert_cmpint(
            drv_source_read_full(source, buffer, sizeof buffer, &error), ==, -1);
    assert_error_text(error, DRV_ERROR_REFUSED, "MD5 of 'x' is");
}

static void
test_bomb(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *path = g_build_filename(dir, "zeros", NULL);
    g_auto(DrvFd) fd = scratch_open(dir, "zeros");
    g_autoptr(DrvSource) source = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *buffer = g_malloc(1 << 20);
    gssize got;

    g_assert_cmpint(ftruncate(fd, 64 << 20), ==, 0);
    run_ok("gzip", path, NULL);
    source = drv_source_new_unpacked(
        drv_source_new_fd(reopen(dir, "zeros.gz"), "bomb"), NULL, &error);
    source = drv_source_new_limited(g_steal_pointer(&source), 10 << 20, "datastore 1");
    while ((got = drv_source_read(source, buffer, 1 << 20, &error)) > 0)
        ;
    g_assert_cmpint(got, ==, -1);
    assert_error_text(error, DRV_ERROR_NO_SPACE, "'bomb' is larger than");
}

/* --- archives ----------------------------------------------------------------------- */

/* Write an archive with a few lines of Python, which can make the wicked ones too: "add"
 * is (name, type, content or link target).
 */
static const char make_tar[] =
    "import sys, tarfile, io\n"
    "t = tarfile.open(sys.argv[1], 'w', format=tarfile.PAX_FORMAT)\n"
    "for i in range(2, len(sys.argv), 3):\n"
    "    info = tarfile.TarInfo(sys.argv[i])\n"
    "    info.type = sys.argv[i + 1].encode()\n"
    "    data = sys.argv[i + 2].encode()\n"
    "    if info.isreg(): info.size = len(data)\n"
    "    else: info.linkname = sys.argv[i + 2]\n"
    "    t.addfile(info, io.BytesIO(data))\n"
    "t.close()\n";
static const char make_zip[] =
    "import sys, zipfile\n"
    "z = zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED)\n"
    "for i in range(2, len(sys.argv), 3):\n"
    "    info = zipfile.ZipInfo(sys.argv[i])\n"
    "    info.compress_type = zipfile.ZIP_DEFLATED\n"
    "    if sys.argv[i + 1] == '2': info.external_attr = 0o120777 << 16\n"
    "    z.writestr(info, sys.argv[i + 2])\n"
    "z.close()\n";

typedef struct {
    const char *label;
    const char *members[13]; /* name, tar type ("0" file, "5" folder, "2" link …), data */
    DrvErrorCode code;       /* DRV_ERROR_LAST: it unpacks */
    const char *text;        /* in the error */
} Archive;

static const Archive archives[] = {
    { "plain",
      { "disk.vmdk",
        "0",
        "descriptor",
        "sub/",
        "5",
        "",
        "sub/./deep/extent",
        "0",
        "data" },
      DRV_ERROR_LAST,
      NULL },
    { "names",
      { "a b'\"$(id)", "0", "x", "-rf", "0", "y", "\xc3\xa9", "0", "z" },
      DRV_ERROR_LAST,
      NULL },
    { "dot-dot", { "../evil", "0", "x" }, DRV_ERROR_REFUSED, "leads outside" },
    { "dot-dot-inside",
      { "a/../../evil", "0", "x" },
      DRV_ERROR_REFUSED,
      "leads outside" },
    { "absolute", { "/evil", "0", "x" }, DRV_ERROR_REFUSED, "leads outside" },
    { "symlink",
      { "l", "2", "/etc", "l/passwd", "0", "x" },
      DRV_ERROR_REFUSED,
      "symbolic link" },
    { "twice", { "a", "0", "x", "a", "0", "y" }, DRV_ERROR_REFUSED, "there already" },
    { "file-as-folder",
      { "a", "0", "x", "a/b", "0", "y" },
      DRV_ERROR_REFUSED,
      "name of its folder" },
    { "too-many",
      { "a", "0", "", "b", "0", "", "c", "0", "", "d", "0", "" },
      DRV_ERROR_NO_SPACE,
      "too many entries" },
    { "too-large",
      { "a", "0", "123456", "b", "0", "1234567" },
      DRV_ERROR_NO_SPACE,
      "room for its content" },
};
static const Archive tar_only[] = {
    { "hardlink", { "h", "1", "/etc/passwd" }, DRV_ERROR_REFUSED, "hard link" },
    { "fifo", { "f", "6", "" }, DRV_ERROR_REFUSED, "neither a file" },
    { "device", { "d", "3", "" }, DRV_ERROR_REFUSED, "neither a file" },
};

static void
make_archive(const char *dir, const char *script, const Archive *archive)
{
    g_autofree char *path = g_build_filename(dir, "archive", NULL);
    g_autoptr(DrvCmd) cmd = drv_cmd_new("python3", "-c", script, path, NULL);
    g_autoptr(GError) error = NULL;

    for (guint i = 0; archive->members[i]; i++)
        drv_cmd_arg(cmd, archive->members[i]);
    drv_cmd_keep_env(cmd, "PATH");
    drv_cmd_env(cmd, "PYTHONUTF8", "1");
    must(drv_cmd_run(cmd, &error));
}

static int
open_dir(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void
assert_content(int dir_fd, const char *name, const char *expected)
{
    g_auto(DrvFd) fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    g_autoptr(GString) text = NULL;

    g_assert_cmpint(fd, >=, 0);
    text = content_of(fd);
    g_assert_cmpstr(text->str, ==, expected);
}

static void
check_archive(const Archive *archive, const char *script, DrvArchiveKind expected)
{
    const DrvUnpackLimits limits = { .max_bytes = 30, .max_entries = 6 };
    const DrvUnpackLimits tight = { .max_bytes = 12, .max_entries = 3 };
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) target = open_dir(dir, "target");
    g_auto(DrvFd) fd = -1;
    g_autoptr(GError) error = NULL;
    DrvArchiveKind kind;
    gboolean is_tight = archive->code == DRV_ERROR_NO_SPACE;

    make_archive(dir, script, archive);
    fd = reopen(dir, "archive");
    must(drv_unpack_is_archive(fd, &kind, &error));
    g_assert_cmpint(kind, ==, expected);
    if (archive->code == DRV_ERROR_LAST) {
        must(drv_unpack_archive(fd, target, &limits, "x.tar", &error));
        for (guint i = 0; archive->members[i]; i += 3)
            if (archive->members[i + 1][0] == '0')
                assert_content(target, archive->members[i], archive->members[i + 2]);
    } else {
        g_assert_false(
            drv_unpack_archive(fd, target, is_tight ? &tight : &limits, "x.tar", &error));
        assert_error_text(error, archive->code, archive->text);
    }
    g_assert_cmpint(faccessat(target, "../evil", F_OK, 0), ==, -1);
    g_assert_cmpint(access("/evil", F_OK), ==, -1);
}

static void
test_tar(gconstpointer archive)
{
    check_archive(archive, make_tar, DRV_ARCHIVE_TAR);
}

static void
test_zip(gconstpointer archive)
{
    check_archive(archive, make_zip, DRV_ARCHIVE_ZIP);
}

/* A link that is there already is not followed, whatever the archive says. */
static void
test_planted_link(void)
{
    static const Archive archive = {
        "", { "sub/evil", "0", "x" }, DRV_ERROR_REFUSED, ""
    };
    const DrvUnpackLimits limits = { .max_bytes = 100 };
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) target = open_dir(dir, "target");
    g_auto(DrvFd) fd = -1;
    g_autoptr(GError) error = NULL;

    make_archive(dir, make_tar, &archive);
    fd = reopen(dir, "archive");
    g_assert_cmpint(symlinkat("..", target, "sub"), ==, 0);
    g_assert_false(drv_unpack_archive(fd, target, &limits, "x.tar", &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_REFUSED);
    g_assert_cmpint(faccessat(target, "../evil", F_OK, 0), ==, -1);
}

static void
test_archive_damage(gconstpointer script)
{
    const DrvUnpackLimits limits = { .max_bytes = 1000 };
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) fd = -1;
    struct stat st;

    make_archive(dir, script, &archives[0]);
    fd = reopen(dir, "archive");
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    for (off_t size = st.st_size - 1; size > 600 || size > st.st_size - 90; size -= 7) {
        g_autofree char *name = g_strdup_printf("t%d", (int)size);
        g_auto(DrvFd) target = open_dir(dir, name);
        g_autoptr(GError) error = NULL;

        g_assert_cmpint(ftruncate(fd, size), ==, 0);
        if (!drv_unpack_archive(fd, target, &limits, "x", &error))
            g_assert_error(error, DRV_ERROR, DRV_ERROR_REFUSED);
        else /* only what was behind the last file is missing */
            assert_content(target, "sub/deep/extent", "data");
    }
}

static void
test_no_archive(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) fd = scratch_open(dir, "raw");
    g_autoptr(GError) error = NULL;
    DrvArchiveKind kind;

    must(drv_unpack_is_archive(fd, &kind, &error));
    g_assert_cmpint(kind, ==, DRV_ARCHIVE_NONE);
    put_at(fd, "ustar", 6, 257);
    g_assert_cmpint(ftruncate(fd, 10240), ==, 0);
    must(drv_unpack_is_archive(fd, &kind, &error));
    g_assert_cmpint(kind, ==, DRV_ARCHIVE_NONE); /* the sum is wrong */
}

static void
add_archives(const Archive *list, guint n, const char *format, GTestDataFunc test)
{
    for (guint i = 0; i < n; i++) {
        g_autofree char *path = g_strdup_printf("/unpack/%s/%s", format, list[i].label);

        g_test_add_data_func(path, &list[i], test);
    }
}

static void
add_kinds(const char *name, GTestDataFunc test)
{
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *path = g_strdup_printf("/unpack/%s/%s", name, kinds[i].program);

        g_test_add_data_func(path, &kinds[i], test);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_kinds("good", test_good);
    add_kinds("truncated", test_truncated);
    add_kinds("truncated-large", test_truncated_large);
    add_kinds("damaged", test_damaged);
    add_kinds("trailing", test_trailing);
    g_test_add_func("/unpack/plain", test_plain);
    g_test_add_func("/unpack/digest-behind", test_digest_behind);
    g_test_add_func("/unpack/bomb", test_bomb);
    add_archives(archives, G_N_ELEMENTS(archives), "tar", test_tar);
    add_archives(tar_only, G_N_ELEMENTS(tar_only), "tar", test_tar);
    add_archives(archives, G_N_ELEMENTS(archives), "zip", test_zip);
    g_test_add_func("/unpack/planted-link", test_planted_link);
    g_test_add_data_func("/unpack/damage/tar", make_tar, test_archive_damage);
    g_test_add_data_func("/unpack/damage/zip", make_zip, test_archive_damage);
    g_test_add_func("/unpack/no-archive", test_no_archive);
    return g_test_run();
}
