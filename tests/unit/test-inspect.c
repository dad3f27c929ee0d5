/* SPDX-License-Identifier: Apache-2.0 */
/* test-inspect.c - against images that the real qemu-img made, and against damaged ones.
 */
#include <fcntl.h>
#include <string.h>

#include "image/inspect.h"
#include "scratch.h"
#include "source/source.h"

#define MIB ((guint64)1024 * 1024)
#define NAME "http://h/x"

/* --- what qemu-img makes ------------------------------------------------------------ */

typedef struct {
    const char *format; /* qemu's name */
    const char *options;
    const char *size;
    gboolean admitted;
    const char *label;
} Made;

static const Made made[] = {
    { "raw", NULL, "10M", TRUE, "plain" },
    { "qcow2", "compat=0.10", "10M", TRUE, "v2" },
    { "qcow2", "compat=1.1", "10M", TRUE, "v3" },
    { "qcow2", "compat=1.1,cluster_size=512", "1G", TRUE, "small-clusters" },
    { "qcow2", "compat=1.1,cluster_size=2M", "100T", TRUE, "large" },
    { "qcow2", "compat=1.1,extended_l2=on", "10G", TRUE, "extended-l2" },
    { "qcow2", "compat=1.1,compression_type=zstd", "10G", TRUE, "zstd" },
    { "qcow2", "preallocation=metadata", "1G", TRUE, "prealloc" },
    { "qcow2", NULL, "0", TRUE, "empty" },
    { "vmdk", NULL, "10M", TRUE, "sparse" },
    { "vmdk", "subformat=streamOptimized", "10M", TRUE, "stream" },
    { "vmdk", "subformat=twoGbMaxExtentSparse", "10M", FALSE, "split" },
    { "vmdk", "subformat=monolithicFlat", "10M", FALSE, "flat" },
    { "vdi", NULL, "10M", TRUE, "dynamic" },
    { "vdi", "static=on", "10M", TRUE, "static" },
    { "vpc", NULL, "10M", TRUE, "dynamic" },
    { "vpc", "force_size=on", "200G", TRUE, "forced" },
    { "vhdx", NULL, "10M", TRUE, "dynamic" },
    { "vhdx", "subformat=fixed", "10M", TRUE, "fixed" },
    { "qcow", NULL, "10M", FALSE, "v1" },
    { "qed", NULL, "10M", FALSE, "plain" },
    { "parallels", NULL, "10M", FALSE, "plain" },
};

static char *
make_image(const char *dir, const Made *image)
{
    char *path = g_build_filename(dir, "image", NULL);
    g_autoptr(DrvCmd) cmd = drv_cmd_new("qemu-img", "create", "-q", "-f", NULL);
    g_autoptr(GError) error = NULL;

    drv_cmd_arg(cmd, image->format);
    drv_cmd_option(cmd, "-o", image->options);
    drv_cmd_arg(cmd, path);
    drv_cmd_arg(cmd, image->size);
    must(drv_cmd_run(cmd, &error));
    return path;
}

/* The number behind "virtual-size": in what qemu-img says of it. */
static guint64
qemu_size(const char *path, const char *format)
{
    g_autoptr(DrvCmd) cmd =
        drv_cmd_new("qemu-img", "info", "--output=json", "-f", format, path, NULL);
    g_autoptr(GString) json = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    const char *at;

    must(drv_cmd_capture(cmd, json, 65536, &error));
    at = strstr(json->str, "\"virtual-size\": ");
    g_assert_nonnull(at);
    return g_ascii_strtoull(at + 16, NULL, 10);
}

static void
test_made(gconstpointer data)
{
    const Made *image = data;
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *path G_GNUC_UNUSED = make_image(dir, image);
    g_auto(DrvImageInfo) info = { 0 };
    g_auto(DrvImageInfo) streamed = { 0 };
    g_autoptr(GError) error = NULL;
    g_auto(DrvFd) fd = reopen(dir, "image");
    g_autofree guint8 *head = g_malloc0(8 * MIB);
    gssize size = pread(fd, head, 8 * MIB, 0);

    must(drv_inspect_fd(fd, NAME, &info, &error));
    g_assert_cmpstr(drv_inspect_format_name(info.format), ==, image->format);
    g_assert_cmpuint(info.virtual_size, ==, qemu_size(path, image->format));
    g_assert_cmpint(drv_inspect_admit(&info, NAME, &error), ==, image->admitted);
    g_assert_true(image->admitted || drv_error_is(error, DRV_ERROR_REFUSED));
    g_clear_error(&error);

    must(drv_inspect_memory(head, (gsize)size, info.file_size, NAME, &streamed, &error));
    g_assert_cmpint(streamed.format, ==, info.format);
    g_assert_cmpuint(streamed.virtual_size, ==, info.virtual_size);
}

/* Every shorter file is refused or taken for something, and nothing breaks: both ways. */
static void
test_made_cut(gconstpointer data)
{
    const Made *image = data;
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *path G_GNUC_UNUSED = make_image(dir, image);
    g_auto(DrvFd) fd = reopen(dir, "image");
    struct stat st;

    g_assert_cmpint(fstat(fd, &st), ==, 0);
    for (off_t size = MIN(st.st_size, 1200); size >= 0; size--) {
        g_autofree guint8 *exact = g_malloc((gsize)size + 1); /* ASan sees any overrun */
        g_auto(DrvImageInfo) info = { 0 };
        g_autoptr(GError) error = NULL;

        g_assert_cmpint(pread(fd, exact, (gsize)size, 0), ==, size);
        g_assert_cmpint(ftruncate(fd, size), ==, 0);
        if (drv_inspect_fd(fd, NAME, &info, &error))
            g_assert_true(info.format == DRV_IMAGE_RAW || size >= 512 ||
                          !image->admitted);
        else
            assert_error_text(error, DRV_ERROR_REFUSED, "'" NAME "' is not a valid ");
        drv_inspect_info_clear(&info);
        g_clear_error(&error);
        if (!drv_inspect_memory(
                exact, (gsize)size, DRV_SOURCE_SIZE_UNKNOWN, NAME, &info, &error))
            g_assert_error(error, DRV_ERROR, DRV_ERROR_REFUSED);
    }
}

/* --- headers with something wrong --------------------------------------------------- */

typedef struct {
    const char *label;
    guint64 offset;
    guint size; /* bytes of value, big-endian */
    guint64 value;
    const char *refused;  /* by the parser; NULL: it is taken */
    const char *excluded; /* by admission; NULL: admitted */
} Change;

static const Change qcow2_changes[] = {
    { "version-4", 4, 4, 4, "unknown version 4", NULL },
    { "version-0", 4, 4, 0, "unknown version 0", NULL },
    { "cluster-bits-8", 20, 4, 8, "cluster size", NULL },
    { "cluster-bits-22", 20, 4, 22, "cluster size", NULL },
    { "cluster-bits-huge", 20, 4, 0xffffffff, "cluster size", NULL },
    { "size-huge", 24, 8, G_MAXUINT64, "virtual size", NULL },
    { "size-over-l1", 24, 8, (guint64)1 << 50, "L1 table", NULL },
    { "l1-huge", 36, 4, 0xffffffff, "L1 table out of range", NULL },
    { "l1-outside", 40, 8, (guint64)1 << 40, "L1 table is beyond", NULL },
    { "l1-overflow", 40, 8, 0xffffffffffff0000, "L1 table is beyond", NULL },
    { "l1-unaligned", 40, 8, 0x30001, "not aligned", NULL },
    { "reftable-none", 48, 8, 0, "refcount table", NULL },
    { "reftable-outside", 48, 8, (guint64)1 << 40, "refcount table is beyond", NULL },
    { "reftable-huge", 56, 4, 0xffffffff, "refcount table", NULL },
    { "snapshots", 60, 4, 0xffffffff, "too many snapshots", NULL },
    { "snapshots-outside", 60, 8, 0x100000100, "snapshot table", NULL },
    { "header-length-0", 100, 4, 0, "header length", NULL },
    { "header-length-huge", 100, 4, 0xfffffff8, "header length", NULL },
    { "header-length-odd", 100, 4, 109, "header length", NULL },
    { "refcount-width", 96, 4, 7, "refcount width", NULL },
    { "compression", 104, 1, 2, "compression type", NULL },
    { "compression-no-bit", 104, 1, 1, "compression type", NULL },
    { "encryption-3", 32, 4, 3, "unknown encryption", NULL },
    { "backing-long", 16, 4, 1024, "backing file name is too long", NULL },
    { "backing-outside", 8, 12, 5, "backing file name out of range", NULL },
    { "dirty", 72, 8, 1, NULL, NULL },
    { "corrupt", 72, 8, 2, NULL, "marked as corrupt" },
    { "data-file-bit", 72, 8, 4, NULL, "external data file" },
    { "unknown-bit",
      72,
      8,
      (guint64)1 << 63,
      NULL,
      "unknown feature bits '0x8000000000000000'" },
    { "aes", 32, 4, 1, NULL, "encrypted" },
    { "luks", 32, 4, 2, NULL, "encrypted" },
};

static void
put_be(int fd, guint64 offset, guint size, guint64 value)
{
    for (guint i = size; i-- > 0; value >>= 8) {
        guint8 byte = (guint8)value;

        put_at(fd, &byte, 1, offset + i);
    }
}

/* A fresh qcow2 in @dir, open. */
static int
fresh_qcow2(const char *dir)
{
    static const Made image = { "qcow2", "compat=1.1", "10M", TRUE, "" };
    g_autofree char *path G_GNUC_UNUSED = make_image(dir, &image);

    return reopen(dir, "image");
}

static void
check(int fd, const char *refused, const char *excluded)
{
    g_auto(DrvImageInfo) info = { 0 };
    g_autoptr(GError) error = NULL;

    if (refused) {
        g_assert_false(drv_inspect_fd(fd, NAME, &info, &error));
        assert_error_text(error, DRV_ERROR_REFUSED, refused);
        return;
    }
    must(drv_inspect_fd(fd, NAME, &info, &error));
    if (excluded == NULL) {
        must(drv_inspect_admit(&info, NAME, &error));
        return;
    }
    g_assert_false(drv_inspect_admit(&info, NAME, &error));
    assert_error_text(error, DRV_ERROR_REFUSED, excluded);
    assert_error_text(error, DRV_ERROR_REFUSED, "image '" NAME "' is refused: ");
}

static void
test_qcow2_change(gconstpointer data)
{
    const Change *change = data;
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) fd = fresh_qcow2(dir);

    put_be(fd, change->offset, change->size, change->value);
    check(fd, change->refused, change->excluded);
}

/* Extensions in place of those that qemu-img wrote, from offset 112 on. */
static void
test_qcow2_extensions(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) fd = fresh_qcow2(dir);
    g_auto(DrvImageInfo) info = { 0 };
    g_autoptr(GError) error = NULL;

    put_be(fd, 112, 4, 0x44415441); /* data file, without the bit */
    put_be(fd, 116, 4, 11);
    put_at(fd, "/etc/passwd\0\0\0\0\0", 16, 120);
    put_be(fd, 136, 8, 0);
    check(fd, NULL, "external data file '/etc/passwd'");
    must(drv_inspect_fd(fd, NAME, &info, &error));
    g_assert_cmpstr(info.data_file, ==, "/etc/passwd");

    put_be(fd, 112, 4, 0xe2792aca); /* backing format, without a backing file */
    put_at(fd, "raw\0\0\0\0\0\0\0\0", 11, 120);
    check(fd, "not valid UTF-8", NULL); /* NUL in it */
    put_be(fd, 116, 4, 3);
    put_be(fd, 128, 8, 0);
    check(fd, NULL, NULL);
    put_be(fd, 128, 4, 0xe2792aca);
    put_be(fd, 132, 4, 0xfffffff0);
    check(fd, "extension is too long", NULL);
    put_be(fd, 132, 4, 3);
    put_at(fd, "raw\0\0\0\0\0", 8, 136);
    check(fd, "duplicate header extension", NULL);
    put_be(fd, 128, 4, 0x12345678); /* unknown ones are skipped */
    put_be(fd, 144, 8, 0);
    check(fd, NULL, NULL);
}

static void
test_qcow2_backing(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *path = g_build_filename(dir, "overlay", NULL);
    g_autofree char *base = g_build_filename(dir, "image", NULL);
    g_auto(DrvFd) base_fd G_GNUC_UNUSED = fresh_qcow2(dir);
    g_auto(DrvFd) fd = -1;
    g_auto(DrvImageInfo) info = { 0 };
    g_autoptr(GError) error = NULL;
    g_autofree char *reason = g_strdup_printf("the backing file '%s'", base);

    run_ok(
        "qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, path, NULL);
    fd = reopen(dir, "overlay");
    must(drv_inspect_fd(fd, NAME, &info, &error));
    g_assert_cmpstr(info.backing_file, ==, base);
    g_assert_cmpstr(info.backing_format, ==, "qcow2");
    g_assert_cmpuint(info.virtual_size, ==, 10 * MIB);
    check(fd, NULL, reason);
}

static void
test_qcow2_facts(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *path = g_build_filename(dir, "image", NULL);
    g_auto(DrvFd) fd = fresh_qcow2(dir);
    g_auto(DrvImageInfo) info = { 0 };
    g_autoptr(GError) error = NULL;

    run_ok("qemu-img", "snapshot", "-c", "one", path, NULL);
    run_ok("qemu-img", "snapshot", "-c", "two", path, NULL);
    must(drv_inspect_fd(fd, NAME, &info, &error));
    g_assert_cmpuint(info.n_snapshots, ==, 2);
    g_assert_cmpuint(info.version, ==, 3);
    g_assert_cmpuint(info.cluster_size, ==, 65536);
    g_assert_false(info.dirty);
}

/* --- the others --------------------------------------------------------------------- */

/* An image of @format, with @size bytes at @offset replaced. */
static int
changed(const char *dir,
        const char *format,
        const char *options,
        guint64 offset,
        const char *bytes,
        gsize size)
{
    const Made image = { format, options, "10M", TRUE, "" };
    g_autofree char *path G_GNUC_UNUSED = make_image(dir, &image);
    int fd = reopen(dir, "image");

    put_at(fd, bytes, size, offset);
    return fd;
}

typedef struct {
    const char *label;
    const char *format;
    const char *options;
    guint64 offset;
    const char *bytes;
    gsize size;
    const char *refused;
    const char *excluded;
} Patch;

#define BYTES(s) s, sizeof(s) - 1
static const Patch patches[] = {
    { "vdi-diff", "vdi", NULL, 0x4c, BYTES("\4\0\0\0"), NULL, "child of another" },
    { "vdi-parent", "vdi", NULL, 0x1b8, BYTES("x"), NULL, "child of another" },
    { "vdi-version", "vdi", NULL, 0x44, BYTES("\2"), "unknown version", NULL },
    { "vdi-block", "vdi", NULL, 0x178, BYTES("\0\0\0\0"), "out of range", NULL },
    { "vdi-blocks",
      "vdi",
      NULL,
      0x180,
      BYTES("\xff\xff\xff\xff"),
      "block map is beyond",
      NULL },
    { "vdi-size", "vdi", NULL, 0x170, BYTES("\0\0\0\0\0\0\0\x7f"), "too small", NULL },
    { "vhd-diff", "vpc", NULL, 60, BYTES("\0\0\0\4"), NULL, "child of another" },
    { "vhd-locator", "vpc", NULL, 512 + 576, BYTES("W2ru"), NULL, "child of another" },
    { "vhd-no-header", "vpc", NULL, 512, BYTES("xxx"), "no dynamic header", NULL },
    { "vhd-far", "vpc", NULL, 16, BYTES("\x7f\xff\xff\xff"), "beyond", NULL },
    { "vhd-table",
      "vpc",
      NULL,
      512 + 28,
      BYTES("\xff\xff\xff\xff"),
      "block table is beyond",
      NULL },
    { "vhdx-header", "vhdx", NULL, 65536, BYTES("x"), NULL, NULL }, /* the other one
                                                                       counts */
    { "vhdx-size",
      "vhdx",
      NULL,
      0x310000 + 8,
      BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"),
      "incomplete",
      NULL },
    { "vhdx-parent", "vhdx", NULL, 0x310000 + 4, BYTES("\2"), NULL, "child of another" },
    { "vmdk-no-descriptor",
      "vmdk",
      NULL,
      28,
      BYTES("\0\0\0\0\0\0\0\0"),
      "one extent",
      NULL },
    { "vmdk-capacity-0",
      "vmdk",
      NULL,
      12,
      BYTES("\0\0\0\0\0\0\0\0"),
      "virtual size",
      NULL },
    { "vmdk-capacity",
      "vmdk",
      NULL,
      12,
      BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"),
      "virtual size",
      NULL },
    { "vmdk-grain", "vmdk", NULL, 20, BYTES("\7"), "grain size", NULL },
    { "vmdk-hint",
      "vmdk",
      NULL,
      512,
      BYTES("parentFileNameHint=\"/etc/passwd\"\n#"),
      NULL,
      "backing file '/etc/passwd'" },
    { "vmdk-hint-comment",
      "vmdk",
      NULL,
      512,
      BYTES("# parentFileNameHint=\"/x\"\n#"),
      NULL,
      "child of another" },
    { "vmdk-hint-after-nul",
      "vmdk",
      NULL,
      10000,
      BYTES("\nparentFileNameHint=\"/x\"\n"),
      NULL,
      "child of another" },
    { "vmdk-extents",
      "vmdk",
      NULL,
      512,
      BYTES("RW 1 FLAT \"/etc/passwd\" 0\n#"),
      NULL,
      "names other files" },
    { "vmdk-sectors",
      "vmdk",
      NULL,
      512,
      BYTES("RW 99999999999999999999 SPARSE \"x\"\n#"),
      "extent in its descriptor",
      NULL },
    { "raw-bochs",
      "raw",
      NULL,
      0,
      BYTES("Bochs Virtual HD Image"),
      NULL,
      "no support for format 'bochs'" },
    { "raw-cloop",
      "raw",
      NULL,
      0,
      BYTES("#!/bin/sh\n#V2.0 Format\n"),
      NULL,
      "no support for format 'cloop'" },
    { "raw-dmg",
      "raw",
      NULL,
      10 * MIB - 512,
      BYTES("koly"),
      NULL,
      "no support for format 'dmg'" },
    { "raw-cowd", "raw", NULL, 0, BYTES("COWD"), "one extent", NULL },
    { "raw-late-magic", "raw", NULL, 512, BYTES("QFI\xfb"), NULL, NULL },
    { "luks-3", "raw", NULL, 0, BYTES("LUKS\xba\xbe\0\3"), "unknown version 3", NULL },
    { "luks-far",
      "raw",
      NULL,
      0,
      BYTES("LUKS\xba\xbe\0\1") /* and a payload of 0 */,
      NULL,
      NULL },
};

static void
test_patch(gconstpointer data)
{
    const Patch *patch = data;
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) fd = changed(
        dir, patch->format, patch->options, patch->offset, patch->bytes, patch->size);

    check(fd, patch->refused, patch->excluded);
}

static void
test_vmdk_footer(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) fd = changed(dir,
                               "vmdk",
                               "subformat=streamOptimized",
                               56,
                               "\xff\xff\xff\xff\xff\xff\xff\xff",
                               8);
    guint8 header[512];
    guint64 end = 20 * MIB;

    g_assert_cmpint(pread(fd, header, sizeof header, 0), ==, sizeof header);
    put_at(fd, header, sizeof header, end - 1024);
    g_assert_cmpint(ftruncate(fd, (off_t)end), ==, 0);
    check(fd, NULL, NULL);
    put_at(fd, "\0\0\0\0\0\0\0\0", 8, end - 1024 + 12);
    check(fd, "footer contradicts", NULL);
}

/* qemu looks for it elsewhere then. */
static void
test_vmdk_footer_odd(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) fd = changed(dir,
                               "vmdk",
                               "subformat=streamOptimized",
                               56,
                               "\xff\xff\xff\xff\xff\xff\xff\xff",
                               8);
    guint8 header[512];
    guint64 end = 20 * MIB;

    g_assert_cmpint(pread(fd, header, sizeof header, 0), ==, sizeof header);
    put_at(fd, header, sizeof header, end - 1024);
    g_assert_cmpint(ftruncate(fd, (off_t)end), ==, 0);
    check(fd, NULL, NULL);
    g_assert_cmpint(ftruncate(fd, (off_t)end + 1), ==, 0);
    check(fd, "its size is not a multiple of 512 bytes", NULL);
}

static void
test_vmdk_text(void)
{
    const char *const texts[] = {
        "# Disk DescriptorFile\nversion=1\nRW 2048 FLAT \"/etc/passwd\" 0\n",
        "version=1\nRW 2048 SPARSE \"x\"\n",
        "\n# comment\n  \r\nversion=3\nRW 1024 FLAT \"a\" 0\nRW 1024 FLAT \"b\" 0\n",
    };

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(Scratch) dir = scratch_new();
        g_auto(DrvFd) fd = scratch_open(dir, "text");
        g_auto(DrvImageInfo) info = { 0 };
        g_autoptr(GError) error = NULL;

        put_at(fd, texts[i], strlen(texts[i]), 0);
        must(drv_inspect_fd(fd, NAME, &info, &error));
        g_assert_cmpint(info.format, ==, DRV_IMAGE_VMDK);
        g_assert_cmpuint(info.virtual_size, ==, MIB);
        check(fd, NULL, "names other files");
    }
}

/* By hand: qemu-img measures its CPU to make one, and not every machine lets it. */
static void
test_luks(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) fd = scratch_open(dir, "image");
    g_auto(DrvImageInfo) info = { 0 };
    g_autoptr(GError) error = NULL;

    put_at(fd, "LUKS\xba\xbe\0\1", 8, 0);
    put_be(fd, 104, 4, 4096); /* sectors before the payload */
    g_assert_cmpint(ftruncate(fd, 10 * MIB), ==, 0);
    must(drv_inspect_fd(fd, NAME, &info, &error));
    g_assert_cmpint(info.format, ==, DRV_IMAGE_LUKS);
    g_assert_cmpstr(drv_inspect_core_format(info.format), ==, "raw");
    g_assert_cmpuint(info.virtual_size, ==, 8 * MIB);
    check(fd, NULL, NULL);
    g_assert_cmpint(ftruncate(fd, 700), ==, 0);
    check(fd, "payload is beyond the end", NULL);
}

static void
test_iso(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *path = g_build_filename(dir, "image", NULL);
    g_auto(DrvImageInfo) info = { 0 };
    g_autoptr(GError) error = NULL;

    run_ok("genisoimage", "-quiet", "-o", path, "/etc/hostname", NULL);
    must(drv_inspect_file(AT_FDCWD, path, DRV_INSPECT_NOFOLLOW, &info, &error));
    g_assert_cmpint(info.format, ==, DRV_IMAGE_RAW);
    g_assert_true(info.iso);
    must(drv_inspect_admit(&info, NAME, &error));
}

static void
test_file(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *fifo = g_build_filename(dir, "fifo", NULL);
    g_autofree char *link = g_build_filename(dir, "link", NULL);
    g_auto(DrvFd) dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_auto(DrvFd) fd G_GNUC_UNUSED = fresh_qcow2(dir);
    g_auto(DrvImageInfo) info = { 0 };
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(symlink("image", link), ==, 0);
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    must(drv_inspect_file(dir_fd, "link", DRV_INSPECT_FOLLOW, &info, &error));
    g_assert_cmpint(info.format, ==, DRV_IMAGE_QCOW2);
    g_assert_false(drv_inspect_file(dir_fd, "link", DRV_INSPECT_NOFOLLOW, &info, &error));
    assert_error_text(error, DRV_ERROR_REFUSED, "'link' is a symbolic link");
    g_clear_error(&error);
    g_assert_false(drv_inspect_file(dir_fd, "fifo", DRV_INSPECT_FOLLOW, &info, &error));
    assert_error_text(error, DRV_ERROR_REFUSED, "neither a file");
    g_clear_error(&error);
    g_assert_false(drv_inspect_file(dir_fd, "none", DRV_INSPECT_FOLLOW, &info, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_NOT_FOUND);
}

#define ADD_ALL(list, path, test)                                                        \
    for (guint i = 0; i < G_N_ELEMENTS(list); i++) {                                     \
        g_autofree char *name =                                                          \
            g_strdup_printf("/inspect/" path "/%s", (list)[i].label);                    \
                                                                                         \
        g_test_add_data_func(name, &(list)[i], test);                                    \
    }

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(made); i++) {
        g_autofree char *name =
            g_strdup_printf("/inspect/made/%s-%s", made[i].format, made[i].label);
        g_autofree char *cut =
            g_strdup_printf("/inspect/cut/%s-%s", made[i].format, made[i].label);

        g_test_add_data_func(name, &made[i], test_made);
        g_test_add_data_func(cut, &made[i], test_made_cut);
    }
    ADD_ALL(qcow2_changes, "qcow2", test_qcow2_change)
    ADD_ALL(patches, "patch", test_patch)
    g_test_add_func("/inspect/qcow2-extensions", test_qcow2_extensions);
    g_test_add_func("/inspect/qcow2-backing", test_qcow2_backing);
    g_test_add_func("/inspect/qcow2-facts", test_qcow2_facts);
    g_test_add_func("/inspect/vmdk-footer", test_vmdk_footer);
    g_test_add_func("/inspect/vmdk-footer-odd", test_vmdk_footer_odd);
    g_test_add_func("/inspect/vmdk-text", test_vmdk_text);
    g_test_add_func("/inspect/luks", test_luks);
    g_test_add_func("/inspect/iso", test_iso);
    g_test_add_func("/inspect/file", test_file);
    return g_test_run();
}
