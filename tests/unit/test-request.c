/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "request/request.h"
#include "scratch.h"
#include "transport/frame.h"

typedef struct {
    DrvRequest head;
    char *host;
    char *target;
    gint64 disk_id;
    guint64 vm_id;
    char *source;
    char *size_text;
    char *password;
    char *options;
    gboolean sparse;
    gboolean convert;
    guint64 size_mb;
    gint64 lcm_state;
    char **words;
    char **more;
} Sample;
DRV_REQUEST_AUTOPTR(Sample)

static const DrvField fields[] = {
    DRV_FIELD(Sample, host, .arg = 1, .flags = DRV_HOST_OF | DRV_REQUIRED),
    DRV_FIELD(Sample, target, .arg = 1, .flags = DRV_PATH_OF | DRV_REQUIRED),
    DRV_FIELD(Sample, disk_id, .arg = 1, .flags = DRV_DISK_OF),
    DRV_FIELD(Sample, vm_id, .arg = 2, .flags = DRV_REQUIRED),
    DRV_FIELD(Sample, words, .arg = 3),
    DRV_FIELD(Sample, options, .env = "DRV_TEST_OPTIONS", .fallback = "none"),
    DRV_FIELD(Sample,
              source,
              .xpath = "DISK[DISK_ID=$disk_id]/SOURCE|SOURCE",
              .flags = DRV_PATH),
    DRV_FIELD(
        Sample, size_text, .xpath = "IMAGE[SOURCE=$source]/NAME", .flags = DRV_LINE),
    DRV_FIELD(Sample, password, .xpath = "PASSWORD"),
    DRV_FIELD(Sample, sparse, .xpath = "SPARSE", .fallback = "YES"),
    DRV_FIELD(Sample, convert, .xpath = "CONVERT"),
    DRV_FIELD(Sample, size_mb, .xpath = "SIZE", .fallback = "5"),
    DRV_FIELD(Sample, lcm_state, .xpath = "LCM_STATE", .fallback = "-1"),
    DRV_FIELD(Sample, more),
};
static const DrvRequestType sample = DRV_REQUEST_TYPE("test.sample", Sample, fields);

static const DrvField *
field_of(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (g_str_equal(fields[i].name, name))
            return &fields[i];
    }
    g_error("no field %s", name);
}

static gboolean
read_args(Sample *request, GError **error, const char *a, const char *b, const char *c)
{
    const char *argv[] = { "clone", a, b, c, "extra", "words", NULL };
    int argc = a == NULL ? 1 : b == NULL ? 2 : c == NULL ? 3 : 6;

    return drv_request_read_args(request, argc, (char **)argv, error);
}

/* --- argv ------------------------------------------------------------------------------
 */

static void
test_new(void)
{
    g_autoptr(Sample) request = drv_request_new(&sample);

    g_assert_cmpstr(request->source, ==, "");
    g_assert_nonnull(request->words);
    g_assert_null(request->words[0]);
    g_assert_true(drv_request_wants_dump(&sample));
}

static void
test_args(void)
{
    g_autoptr(Sample) request = drv_request_new(&sample);
    g_autoptr(GError) error = NULL;
    g_autofree char *words = NULL;

    g_setenv("DRV_TEST_OPTIONS", "-o a,b $(id)", TRUE);
    must(read_args(request,
                   &error,
                   "host-1.x:/var/lib/one//datastores/0/25/disk.3",
                   "25",
                   " one  two\tthree\n"));
    g_assert_cmpstr(request->host, ==, "host-1.x");
    g_assert_cmpstr(request->target, ==, "/var/lib/one//datastores/0/25/disk.3");
    g_assert_cmpint(request->disk_id, ==, 3);
    g_assert_cmpuint(request->vm_id, ==, 25);
    g_assert_cmpstr(request->options, ==, "-o a,b $(id)");
    words = g_strjoinv("|", request->words);
    g_assert_cmpstr(words, ==, "one|two|three");
    g_unsetenv("DRV_TEST_OPTIONS");
    must(read_args(request, &error, "h:/a b/x:y/'disk.0", "0", "x")); /* read again */
    g_assert_cmpstr(request->target, ==, "/a b/x:y/'disk.0");
    g_assert_cmpint(request->disk_id, ==, -1);
    g_assert_cmpstr(request->options, ==, "none");
}

static const struct {
    const char *words[3];
    DrvErrorCode code;
    const char *message;
} bad_args[] = {
    { { NULL }, DRV_ERROR_USAGE, "usage: HOST VM_ID WORDS: host is missing" },
    { { "h:/x" }, DRV_ERROR_USAGE, "usage: HOST VM_ID WORDS: vm_id is missing" },
    { { "", "1" }, DRV_ERROR_USAGE, "host is missing" },
    { { "/x", "1" }, DRV_ERROR_USAGE, "host is missing" },
    { { ":/x", "1" }, DRV_ERROR_USAGE, "host is missing" },
    { { "h:", "1" }, DRV_ERROR_USAGE, "target is missing" },
    { { "h:x", "1" }, DRV_ERROR_USAGE, "target: not an absolute path: 'x'" },
    { { "h:/a/../b", "1" }, DRV_ERROR_REFUSED, "'..' is not allowed in '/a/../b'" },
    { { "h:/..", "1" }, DRV_ERROR_REFUSED, "'..' is not allowed" },
    { { "h:/a\nb", "1" }, DRV_ERROR_REFUSED, "target: a line break is not allowed in" },
    { { "h:/a/b\r", "1" }, DRV_ERROR_REFUSED, "a line break is not allowed in" },
    { { "-oProxyCommand=x:/a", "1" }, DRV_ERROR_USAGE, "not a host name: '-oProxy" },
    { { "a b:/a", "1" }, DRV_ERROR_USAGE, "host: not a host name: 'a b'" },
    { { "$(id):/a", "1" }, DRV_ERROR_USAGE, "not a host name" },
    { { "a\nb:/a", "1" }, DRV_ERROR_USAGE, "not a host name" },
    { { "h:/x", "x" }, DRV_ERROR_USAGE, "vm_id: not a number: 'x'" },
    { { "h:/x", "" }, DRV_ERROR_USAGE, "vm_id is missing" },
    { { "h:/x", "-1" }, DRV_ERROR_USAGE, "vm_id: not a number: '-1'" },
    { { "h:/x", "1 2" }, DRV_ERROR_USAGE, "vm_id: not a number: '1 2'" },
    { { "h:/x", " 1" }, DRV_ERROR_USAGE, "vm_id: not a number" },
    { { "h:/x", "0x10" }, DRV_ERROR_USAGE, "vm_id: not a number" },
    { { "h:/x", "99999999999999999999" }, DRV_ERROR_USAGE, "vm_id: not a number" },
};

static void
test_bad_args(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(bad_args); i++) {
        const char *const *words = bad_args[i].words;
        g_autoptr(Sample) request = drv_request_new(&sample);
        g_autoptr(GError) error = NULL;

        g_assert_false(read_args(request, &error, words[0], words[1], words[2]));
        assert_error_text(error, bad_args[i].code, bad_args[i].message);
    }
}

static const struct {
    const char *path;
    gint64 disk;
} disks[] = {
    { "h:/x/disk.0", 0 },    { "h:/x/disk.12", 12 }, { "h:/x/disk.x", -1 },
    { "h:/x/disk.", -1 },    { "h:/x/disk.-1", -1 }, { "h:/x/disk.1.snap", -1 },
    { "h:/x/disk.0/1", -1 }, { "h:/disk.5/25", -1 }, { "h:/x/mydisk.0", -1 },
    { "h:/x/kernel", -1 },   { "h:/x/disk. 1", -1 }, { "h:/x/disk.00", 0 },
};

static void
test_disks(void)
{
    g_autoptr(Sample) request = drv_request_new(&sample);
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(disks); i++) {
        must(drv_request_set(request, field_of("disk_id"), disks[i].path, &error));
        g_assert_cmpint(request->disk_id, ==, disks[i].disk);
    }
}

/* --- values ----------------------------------------------------------------------------
 */

static void
test_bools(void)
{
    static const char *const yes[] = { "YES", "yes", "True", "TRUE", "1" };
    static const char *const no[] = { "NO", "no", "False", "FALSE", "0" };
    static const char *const bad[] = { "y", "2", "on", "yes ", "NOPE" };
    g_autoptr(Sample) request = drv_request_new(&sample);
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(yes); i++) {
        must(drv_request_set(request, field_of("convert"), yes[i], &error));
        g_assert_true(request->convert);
        must(drv_request_set(request, field_of("convert"), no[i], &error));
        g_assert_false(request->convert);
        g_assert_false(drv_request_set(request, field_of("convert"), bad[i], &error));
        assert_error_text(error, DRV_ERROR_USAGE, "convert: neither YES nor NO: '");
        g_clear_error(&error);
    }
    must(drv_request_set(request, field_of("sparse"), "", &error));
    g_assert_true(request->sparse);
    must(drv_request_set(request, field_of("sparse"), NULL, &error));
    g_assert_true(request->sparse);
}

static void
test_numbers(void)
{
    g_autoptr(Sample) request = drv_request_new(&sample);
    g_autoptr(GError) error = NULL;

    must(drv_request_set(request, field_of("lcm_state"), "-5", &error));
    g_assert_cmpint(request->lcm_state, ==, -5);
    must(drv_request_set(request, field_of("lcm_state"), "", &error));
    g_assert_cmpint(request->lcm_state, ==, -1);
    must(drv_request_set(request, field_of("size_mb"), "9223372036854775807", &error));
    g_assert_cmpuint(request->size_mb, ==, G_MAXINT64);
    g_assert_false(
        drv_request_set(request, field_of("size_mb"), "9223372036854775808", &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_USAGE);
}

/* --- the dump --------------------------------------------------------------------------
 */

static const char vm[] = "<VM><DISK><DISK_ID>0</DISK_ID><SOURCE>/zero</SOURCE></DISK>"
                         "<DISK><DISK_ID>3</DISK_ID><SOURCE>/it's \"3\"</SOURCE></DISK>"
                         "<IMAGE><SOURCE>/zero</SOURCE><NAME>no</NAME></IMAGE>"
                         "<IMAGE><SOURCE>/it's \"3\"</SOURCE><NAME>yes</NAME></IMAGE>"
                         "<PASSWORD>geheim</PASSWORD><SPARSE>no</SPARSE></VM>";

static Sample *
read_both(const char *xml, GError **error)
{
    g_autoptr(Sample) request = drv_request_new(&sample);
    g_autoptr(DrvDump) dump = drv_dump_parse(xml, strlen(xml), error);

    g_assert_no_error(*error);
    g_assert_true(read_args(request, error, "h:/x/disk.3", "25", "a b"));
    return drv_request_read_dump(request, dump, error) ? g_steal_pointer(&request) : NULL;
}

static void
test_dump(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Sample) request = read_both(vm, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(request->source, ==, "/it's \"3\"");
    g_assert_cmpstr(request->size_text, ==, "yes");
    g_assert_cmpstr(request->password, ==, "geheim");
    g_assert_false(request->sparse);
    g_assert_false(request->convert);
    g_assert_cmpuint(request->size_mb, ==, 5);
    g_assert_cmpint(request->lcm_state, ==, -1);
}

static void
test_bad_dump(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(read_both("<VM><SOURCE>relative</SOURCE></VM>", &error));
    assert_error_text(error, DRV_ERROR_DUMP, "source: not an absolute path: 'relative'");
    g_clear_error(&error);
    g_assert_null(read_both("<VM><SOURCE>/a/../../etc</SOURCE></VM>", &error));
    assert_error_text(error, DRV_ERROR_REFUSED, "'..' is not allowed");
    g_clear_error(&error);
    g_assert_null(
        read_both("<VM><IMAGE><SOURCE/><NAME>a\nb</NAME></IMAGE></VM>", &error));
    assert_error_text(error, DRV_ERROR_REFUSED, "size_text: a line break is not allowed");
    g_clear_error(&error);
    g_assert_null(read_both("<VM><SIZE>many</SIZE></VM>", &error));
    assert_error_text(error, DRV_ERROR_DUMP, "SIZE: size_mb: not a number: 'many'");
}

/* --- the wire --------------------------------------------------------------------------
 */

/* It packs to the same. */
static void
assert_same(GVariant *packed, gconstpointer request)
{
    g_autoptr(GVariant) again = g_variant_ref_sink(drv_request_pack(request));

    g_assert_true(g_variant_equal(packed, again));
}

static void
test_round_trip(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Sample) request = read_both(vm, &error);
    g_autoptr(Sample) other = drv_request_new(&sample);
    g_autoptr(Sample) copy = NULL;
    g_autoptr(GVariant) packed = NULL;

    g_free(request->options);
    request->options = g_strdup("\xff not UTF-8\n'\"");
    g_strfreev(request->more);
    request->more = g_strsplit("a\xff,,b c", ",", -1);
    packed = g_variant_ref_sink(drv_request_pack(request));
    must(drv_request_unpack(other, packed, &error));
    copy = drv_request_copy(other);
    assert_same(packed, other);
    assert_same(packed, copy);
    g_assert_cmpstr(other->options, ==, request->options);
    g_assert_cmpstr(other->password, ==, "geheim");
    g_assert_cmpstr(copy->password, ==, "geheim");
    g_assert_cmpstr(other->more[0], ==, "a\xff");
    g_assert_cmpstr(other->more[1], ==, "");
    g_assert_cmpuint(g_strv_length(other->more), ==, 3);
}

/* A packed sample with one value replaced, or with @value NULL taken out. */
static GVariant *
tamper(const char *name, GVariant *value)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Sample) request = read_both(vm, &error);
    g_autoptr(GVariant) packed = g_variant_ref_sink(drv_request_pack(request));
    g_autoptr(GVariantDict) dict = g_variant_dict_new(packed);

    if (value)
        g_variant_dict_insert_value(dict, name, value);
    else
        g_variant_dict_remove(dict, name);
    return g_variant_ref_sink(g_variant_dict_end(dict));
}

static void
assert_refused(const char *name, GVariant *value, DrvErrorCode code, const char *text)
{
    g_autoptr(GVariant) packed = tamper(name, value);
    g_autoptr(Sample) request = drv_request_new(&sample);
    g_autoptr(GError) error = NULL;

    g_assert_false(drv_request_unpack(request, packed, &error));
    assert_error_text(error, code, text);
}

static void
test_hostile_wire(void)
{
    const guint8 bytes[] = { '/', 'a', '/', '.', '.' }; /* without a NUL */

    assert_refused("target", NULL, DRV_ERROR_USAGE, "target is missing in the request");
    assert_refused("target",
                   g_variant_new_bytestring("/a/../b"),
                   DRV_ERROR_REFUSED,
                   "'..' is not allowed");
    assert_refused("target", g_variant_new_bytestring("a"), DRV_ERROR_USAGE, "target: ");
    assert_refused("target", g_variant_new_bytestring(""), DRV_ERROR_USAGE, "target is");
    assert_refused("target",
                   g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes, 5, 1),
                   DRV_ERROR_USAGE,
                   "target is missing");
    assert_refused("host", g_variant_new_bytestring("-x"), DRV_ERROR_USAGE, "host: not");
    assert_refused("source",
                   g_variant_new_bytestring("../x"),
                   DRV_ERROR_USAGE,
                   "source: not an absolute path");
    assert_refused("vm_id", g_variant_new_int64(-1), DRV_ERROR_USAGE, "vm_id: negative");
    assert_refused("vm_id", g_variant_new_string("1"), DRV_ERROR_USAGE, "wrong type");
    assert_refused("sparse", g_variant_new_int64(1), DRV_ERROR_USAGE, "wrong type");
    assert_refused("words", g_variant_new_bytestring("x"), DRV_ERROR_USAGE, "wrong type");
    assert_refused("password", g_variant_new_int64(1), DRV_ERROR_USAGE, "wrong type");
}

static void
test_unknown_field(void)
{
    g_autoptr(GVariant) packed = tamper("of_a_later_build", g_variant_new_int64(1));
    g_autoptr(Sample) request = drv_request_new(&sample);
    g_autoptr(GError) error = NULL;

    must(drv_request_unpack(request, packed, &error));
}

static void
test_checks(void)
{
    static const char *const hosts[] = { "host01", "10.0.0.1", "a.b-c_d.example", "u@h" };
    static const char *const bad[] = { "", "-h", ".h", "a:b", "a/b", "a b", "é", "a;b" };
    g_autofree char *long_name = g_strnfill(254, 'a');
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(hosts); i++)
        must(drv_request_check_host("h", hosts[i], &error));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(drv_request_check_host("h", bad[i], &error));
        g_clear_error(&error);
    }
    g_assert_false(drv_request_check_host("h", long_name, &error));
    g_clear_error(&error);
    must(drv_request_check_path("p", "/a//b/..c/...", &error));
    g_assert_false(drv_request_check_path("p", "/a/b/..", &error));
    g_clear_error(&error);
    g_assert_false(drv_request_check_path("p", "", &error));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/request/new", test_new);
    g_test_add_func("/request/args", test_args);
    g_test_add_func("/request/bad-args", test_bad_args);
    g_test_add_func("/request/disks", test_disks);
    g_test_add_func("/request/bools", test_bools);
    g_test_add_func("/request/numbers", test_numbers);
    g_test_add_func("/request/dump", test_dump);
    g_test_add_func("/request/bad-dump", test_bad_dump);
    g_test_add_func("/request/round-trip", test_round_trip);
    g_test_add_func("/request/hostile-wire", test_hostile_wire);
    g_test_add_func("/request/unknown-field", test_unknown_field);
    g_test_add_func("/request/checks", test_checks);
    return g_test_run();
}
