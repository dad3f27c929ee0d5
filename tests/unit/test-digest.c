/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "scratch.h"
#include "source/digest.h"

/* RFC 1321, RFC 3174 and FIPS 180-2: the digests of "abc". */
#define MD5_ABC "900150983cd24fb0d6963f7d28e17f72"
#define SHA1_ABC "a9993e364706816aba3e25717850c26c9cd0d89d"
#define SHA256_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static gssize
read_through(const DrvDigestExpected *expected, GError **error)
{
    char buffer[16];
    DrvSource *abc = drv_source_new_memory("abc", 3, "http://h/x");
    g_autoptr(DrvSource) source = drv_source_new_digest(abc, expected, error);
    gssize got = source ? drv_source_read(source, buffer, sizeof buffer, error) : -1;

    if (got > 0)
        g_assert_cmpmem(buffer, got, "abc", 3);
    return got > 0 ? drv_source_read(source, buffer, sizeof buffer, error) : got;
}

static void
test_right(void)
{
    const DrvDigestExpected all = { { MD5_ABC, SHA1_ABC, SHA256_ABC } };
    const DrvDigestExpected upper = {
        { " 900150983CD24FB0D6963F7D28E17F72\n", "", NULL }
    };
    const DrvDigestExpected none = { { NULL, "  ", NULL } };
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(read_through(&all, &error), ==, 0);
    g_assert_cmpint(read_through(&upper, &error), ==, 0);
    g_assert_cmpint(read_through(&none, &error), ==, 0);
    g_assert_no_error(error);
    g_assert_true(drv_digest_is_expected(&upper));
    g_assert_false(drv_digest_is_expected(&none));
}

static void
test_wrong(void)
{
    DrvDigestExpected expected = { { NULL, NULL, NULL } };
    g_autoptr(GError) error = NULL;
    g_autofree char *wrong = NULL;

    expected.hex[DRV_DIGEST_MD5] = "00000000000000000000000000000000";
    g_assert_cmpint(read_through(&expected, &error), ==, -1);
    g_assert_error(error, DRV_ERROR, DRV_ERROR_REFUSED);
    g_assert_cmpstr(error->message,
                    ==,
                    "MD5 of 'http://h/x' is " MD5_ABC
                    ", expected 00000000000000000000000000000000");
    g_clear_error(&error);

    /* All that are given count, and the last digit does. */
    wrong = g_strdup(SHA256_ABC);
    wrong[63] = 'e';
    expected = (DrvDigestExpected){ { MD5_ABC, SHA1_ABC, wrong } };
    g_assert_cmpint(read_through(&expected, &error), ==, -1);
    assert_error_text(error, DRV_ERROR_REFUSED, "SHA256 of 'http://h/x' is ba78");
}

static void
test_malformed(gconstpointer text)
{
    const DrvDigestExpected expected = { { text, NULL, NULL } };
    g_autoptr(GError) error = NULL;
    DrvSource *abc = drv_source_new_memory("abc", 3, "x");

    g_assert_null(drv_source_new_digest(abc, &expected, &error));
    assert_error_text(error, DRV_ERROR_DUMP, "is not 32 hexadecimal digits");
}

static void
test_parts_and_files(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) fd = scratch_open(dir, "file");
    g_autofree guint8 *data = noise(3000000, 3);
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvDigest) digest = drv_digest_new(DRV_DIGEST_SHA256, &error);
    g_autofree char *expected =
        g_compute_checksum_for_data(G_CHECKSUM_SHA256, data, 3000000);
    g_autofree char *of_parts = NULL;
    g_autofree char *of_file = NULL;

    for (guint i = 0; i < 3; i++)
        drv_digest_update(digest, data + i * 1000000, 1000000);
    of_parts = drv_digest_finish(digest, &error);
    g_assert_cmpstr(of_parts, ==, expected);

    put_at(fd, data, 3000000, 0);
    of_file = drv_digest_fd(fd, DRV_DIGEST_SHA256, "file", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(of_file, ==, expected);
    g_assert_null(drv_digest_fd(-1, DRV_DIGEST_MD5, "no file", &error));
    assert_error_text(error, DRV_ERROR_FAILED, "'no file'");
}

static void
test_block(void)
{
    /* FIPS 180-2, B.1 */
    static const guint8 want[] = { 0xba, 0x78, 0x16, 0xbf };
    guint8 value[DRV_SHA256_SIZE];
    g_autoptr(GError) error = NULL;

    must(drv_digest_sha256("abc", 3, value, &error));
    g_assert_cmpmem(value, sizeof want, want, sizeof want);
    g_assert_true(drv_digest_equal("ABcd", "abCD"));
    g_assert_false(drv_digest_equal("abcd", "abc"));
    g_assert_false(drv_digest_equal("abcd", "abce"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/digest/right", test_right);
    g_test_add_func("/digest/wrong", test_wrong);
    g_test_add_data_func("/digest/malformed/short", "abc", test_malformed);
    g_test_add_data_func("/digest/malformed/sha1", SHA1_ABC, test_malformed);
    g_test_add_data_func(
        "/digest/malformed/letter", "g00150983cd24fb0d6963f7d28e17f72", test_malformed);
    g_test_add_func("/digest/parts-and-files", test_parts_and_files);
    g_test_add_func("/digest/block", test_block);
    return g_test_run();
}
