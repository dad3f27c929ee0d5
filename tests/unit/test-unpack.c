/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_PRIVATE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/load.h"
#include "scratch.h"
#include "source/digest.h"
#include "source/unpack-private.h"

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
    if (kind->filter == DRV_UNPACK_GZIP || kind->filter == DRV_UNPACK_XZ)
        assert_unpacks(packed_empty, empty, kind->filter);
    else
        assert_refused(packed_empty->str, packed_empty->len);
    assert_unpacks(twice, packed, kind->filter); /* one layer only */
    g_string_append_len(both, packed->str, (gssize)packed->len);
    g_string_append_len(plain, plain->str, (gssize)plain->len);
    assert_unpacks(both, plain, kind->filter);
}

/* Both ways to decompress gzip, with input and output in pieces of any size. */
static GString *
unpack_pieces(const GString *packed, gsize room, gboolean by_zlib, GError **error)
{
    DrvSource *inner = drv_source_new_memory(packed->str, packed->len, "x");
    g_autoptr(DrvSource) source = drv_unpack_new_gzip(inner, by_zlib);
    g_autofree char *buffer = g_malloc(room);
    GString *plain = g_string_new(NULL);
    gssize got;

    while ((got = drv_source_read(source, buffer, room, error)) > 0)
        g_string_append_len(plain, buffer, got);
    return plain;
}

static void
test_gzip_both(void)
{
    static const gsize rooms[] = { 1, 7, 258, 32768, 1 << 20 };
    g_autoptr(GString) packed = g_string_new(NULL);
    g_autoptr(GString) all = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    must(drv_load_isal(&error));              /* or both were the same */
    for (gsize size = 0; size < 40; size++) { /* the next one begins at any bit */
        g_autoptr(GString) plain = make_plain((guint32)size, size * size);
        g_autoptr(GString) member = compress(&kinds[0], plain);

        g_string_append_len(packed, member->str, (gssize)member->len);
        g_string_append_len(all, plain->str, (gssize)plain->len);
    }
    for (guint i = 0; i < G_N_ELEMENTS(rooms); i++) {
        for (gboolean by_zlib = FALSE; by_zlib <= TRUE; by_zlib++) {
            g_autoptr(GString) out = unpack_pieces(packed, rooms[i], by_zlib, &error);

            g_assert_no_error(error);
            g_assert_true(g_string_equal(out, all));
        }
    }
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

static DrvArchiveKind
kind_of(const char *path)
{
    g_auto(DrvFd) fd = open(path, O_RDONLY | O_CLOEXEC);
    g_autoptr(GError) error = NULL;
    DrvArchiveKind kind;

    must(drv_unpack_is_archive(fd, &kind, &error));
    return kind;
}

static void
test_archives(void)
{
    static const char *const formats[] = { "v7", "oldgnu", "gnu", "ustar", "pax" };
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *archive = g_build_filename(dir, "archive", NULL);
    g_autofree char *zip = g_build_filename(dir, "zip", NULL);
    g_auto(DrvFd) fd = scratch_open(dir, "disk");

    put_at(fd, "data", 4, 0);
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        run_ok("tar", "-C", dir, "-H", formats[i], "-cf", archive, "disk", NULL);
        g_assert_cmpint(kind_of(archive), ==, DRV_ARCHIVE_TAR);
    }
    g_assert_cmpint(g_chdir(dir), ==, 0);
    run_ok("python3", "-m", "zipfile", "-c", zip, "disk", NULL);
    g_assert_cmpint(kind_of(zip), ==, DRV_ARCHIVE_ZIP);
}

static void
test_no_archive(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *path = g_build_filename(dir, "raw", NULL);
    g_auto(DrvFd) fd = scratch_open(dir, "raw");

    g_assert_cmpint(kind_of(path), ==, DRV_ARCHIVE_NONE);
    put_at(fd, "ustar", 6, 257);
    g_assert_cmpint(ftruncate(fd, 10240), ==, 0);
    g_assert_cmpint(kind_of(path), ==, DRV_ARCHIVE_NONE); /* the sum is wrong */
    put_at(fd, "disk", 4, 0);
    g_assert_cmpint(kind_of(path), ==, DRV_ARCHIVE_NONE);
}

/* --- what is not a disk, and is not unpacked either
 * --------------------------------------
 */

typedef struct {
    const char *label;
    gsize size;
    const char *data;
} Head;

static const Head no_disks[] = {
    { "7z", 16, "7z\xbc\xaf\x27\x1c\0\4abcdefgh" },
    { "rar", 16, "Rar!\x1a\x07\1\0abcdefgh" },
    { "lzip",
      16,
      "LZIP\1\x0c"
      "abcdefghij" },
    { "lzop", 16, "\x89LZO\0\r\n\x1a\nabcdefg" },
    { "compress",
      16,
      "\x1f\x9d\x90"
      "abcdefghijklm" },
    { "lzma", 16, "\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0ab" },
    { "lzma", 16, "\x5d\0\0\x80\0\0\x10\0\0\0\0\0\0\0ab" },
    { "what follows a skippable frame", 16, "\x5a\x2a\x4d\x18\4\0\0\0abcdefgh" },
    { "what follows a skippable frame", 16, "\x50\x2a\x4d\x18\xff\0\0\0abcdefgh" },
};

static void
test_no_disk(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(no_disks); i++) {
        g_autofree char *text = g_strdup_printf("%s is not", no_disks[i].label);
        g_autoptr(GError) error = NULL;

        g_assert_null(drv_source_new_unpacked(
            drv_source_new_memory(no_disks[i].data, no_disks[i].size, "x"),
            NULL,
            &error));
        assert_error_text(error, DRV_ERROR_REFUSED, text);
    }
}

/* Frames to be skipped before the first one with data. */
static void
test_skippable(void)
{
    static const guint sizes[] = { 0, 4, 5, 100000 };
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *path = g_build_filename(dir, "data", NULL);
    g_autofree char *packed = g_strconcat(path, ".zst", NULL);
    g_autoptr(GByteArray) stream = g_byte_array_new();
    g_auto(DrvFd) fd = scratch_open(dir, "data");
    g_autofree char *frame = NULL;
    gsize size;

    put_at(fd, "content", 7, 0);
    run_ok("zstd", "-q", path, NULL);
    g_assert_true(g_file_get_contents(packed, &frame, &size, NULL));
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        const guint32 head[] = { GUINT32_TO_LE(0x184d2a53), GUINT32_TO_LE(sizes[i]) };
        g_autofree guint8 *skipped = g_malloc0(sizes[i] + 1);
        g_autoptr(DrvSource) source = NULL;
        g_autoptr(GError) error = NULL;
        char text[16] = { 0 };

        g_byte_array_append(stream, (const guint8 *)head, sizeof head);
        g_byte_array_append(stream, skipped, sizes[i]);
        g_byte_array_append(stream, (const guint8 *)frame, (guint)size);
        source = drv_source_new_unpacked(
            drv_source_new_memory(stream->data, stream->len, "x"), NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpint(drv_source_read_full(source, text, 15, &error), ==, 7);
        g_assert_cmpstr(text, ==, "content");
        g_byte_array_set_size(stream, (guint)(stream->len - size));
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
    g_test_add_func("/unpack/archives", test_archives);
    g_test_add_func("/unpack/no-disk", test_no_disk);
    g_test_add_func("/unpack/skippable", test_skippable);
    g_test_add_func("/unpack/no-archive", test_no_archive);
    g_test_add_func("/unpack/gzip/both", test_gzip_both);
    return g_test_run();
}
