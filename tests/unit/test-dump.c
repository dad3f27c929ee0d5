/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "request/dump.h"
#include "scratch.h"

#define XML                                                                               \
    "<DS_DRIVER_ACTION_DATA><DATASTORE><BASE_PATH><![CDATA[/var/lib/one//datastores/1]]>" \
    "</BASE_PATH><TEMPLATE><SAFE_DIRS>/a /b</SAFE_DIRS><EMPTY/></TEMPLATE></DATASTORE>"   \
    "<IMAGE><ID>7</ID><PATH> a &amp; &lt;b&gt; &#x20AC;\n</PATH><FSTYPE>qcow2</FSTYPE>"   \
    "<VMS><ID>1</ID><ID>2</ID><ID/></VMS></IMAGE></DS_DRIVER_ACTION_DATA>"

static char *
encode(const char *xml)
{
    return g_base64_encode((const guchar *)xml, strlen(xml));
}

/* The value of one expression, "" for none. */
static char *
value(DrvDump *dump, const char *xpath)
{
    g_autoptr(GError) error = NULL;
    char *text;

    must(drv_dump_value(dump, xpath, &text, &error));
    return text ? text : g_strdup("");
}

static void
assert_value(DrvDump *dump, const char *xpath, const char *wanted)
{
    g_autofree char *text = value(dump, xpath);

    g_assert_cmpstr(text, ==, wanted);
}

static DrvDump *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    DrvDump *dump = drv_dump_parse(text, strlen(text), &error);

    g_assert_no_error(error);
    return dump;
}

/* --- how it comes ----------------------------------------------------------------------
 */

/* Every so many characters a line break, as old encoders wrote it. */
static char *
wrap(const char *coded, gsize width)
{
    GString *out = g_string_new(NULL);

    for (gsize i = 0; coded[i]; i++) {
        g_string_append_c(out, coded[i]);
        if (i % width == width - 1)
            g_string_append(out, width == 60 ? "\n" : " \r\n\t");
    }
    g_string_append(out, "\n\n");
    return g_string_free(out, FALSE);
}

static void
test_forms(void)
{
    g_autofree char *coded = encode(XML);
    g_autofree char *wrapped = wrap(coded, 60);
    g_autofree char *odd = wrap(coded, 7);
    g_autofree char *indented = g_strconcat("\n  ", XML, "\n", NULL);
    g_autofree char *declared =
        g_strconcat("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", XML, NULL);
    g_autofree char *blank_first = g_strconcat(" \n", coded, NULL);
    const char *const forms[] = { XML,      coded,    wrapped,    odd,
                                  indented, declared, blank_first };

    for (guint i = 0; i < G_N_ELEMENTS(forms); i++) {
        g_autoptr(DrvDump) dump = parse(forms[i]);

        assert_value(dump, "DATASTORE/BASE_PATH", "/var/lib/one//datastores/1");
        g_assert_false(drv_dump_came_from_stdin(dump));
    }
}

static void
set_stdin(const char *text)
{
    int ends[2];

    g_assert_cmpint(pipe(ends), ==, 0);
    g_assert_cmpint(write(ends[1], text, strlen(text)), ==, (gssize)strlen(text));
    close(ends[1]);
    g_assert_cmpint(dup2(ends[0], STDIN_FILENO), ==, STDIN_FILENO);
    close(ends[0]);
}

static const struct {
    int argc;
    const char *words[4]; /* "D" stands for the dump */
    gboolean on_stdin;
    const char *id;
} callers[] = {
    { 3, { "x", "D", "7" }, FALSE, "7" },
    { 3, { "x", "-", "7" }, TRUE, "7" },
    { 2, { "x", "7" }, TRUE, "7" },
    { 4, { "x", "D", "7", "more" }, FALSE, "7" },
    { 4, { "x", "-", "7", "more" }, TRUE, "7" },
};

static void
test_callers(void)
{
    g_autofree char *coded = encode(XML);

    for (guint i = 0; i < G_N_ELEMENTS(callers); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(DrvDump) dump = NULL;
        char *argv[5] = { NULL };
        const char *id = NULL;

        for (int k = 0; k < callers[i].argc; k++)
            argv[k] = g_str_equal(callers[i].words[k], "D") ? coded
                                                            : (char *)callers[i].words[k];
        set_stdin(callers[i].on_stdin ? coded : "");
        dump = drv_dump_read_action(callers[i].argc, argv, &id, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(id, ==, callers[i].id);
        g_assert_cmpint(drv_dump_came_from_stdin(dump), ==, callers[i].on_stdin);
        assert_value(dump, "IMAGE/ID", "7");
    }
}

static void
test_bad_callers(void)
{
    const char *none[] = { "x", NULL };
    const char *id_only[] = { "x", "7", NULL };
    const char *dash[] = { "x", "-", "7", NULL };
    const char *nonsense[] = { "x", "!!!", "7", NULL };
    g_autoptr(GError) error = NULL;
    const char *id;

    g_assert_null(drv_dump_read_action(1, (char **)none, &id, &error));
    assert_error_text(error, DRV_ERROR_USAGE, "usage: [DUMP] ID < dump");
    g_clear_error(&error);
    set_stdin("");
    g_assert_null(drv_dump_read_action(2, (char **)id_only, &id, &error));
    assert_error_text(error, DRV_ERROR_DUMP, "the dump is empty or not base64");
    g_clear_error(&error);
    set_stdin("\n");
    g_assert_null(drv_dump_read_action(3, (char **)dash, &id, &error));
    assert_error_text(error, DRV_ERROR_DUMP, "the dump is empty or not base64");
    g_clear_error(&error);
    g_assert_null(drv_dump_read_action(3, (char **)nonsense, &id, &error));
    assert_error_text(error, DRV_ERROR_DUMP, "the dump is empty or not base64");
}

/* --- what is refused -------------------------------------------------------------------
 */

static const struct {
    const char *name;
    const char *xml;
    const char *message;
} bad[] = {
    { "empty", "", "the dump is empty or not base64" },
    { "text", "this is no XML", "the dump is not XML" },
    { "unclosed", "<A><B></A>", "the dump is not XML (" },
    { "two-roots", "<A/><B/>", "the dump is not XML (" },
    { "not-utf8", "<A>\xff</A>", "the dump is not XML (" },
    { "doctype", "<!DOCTYPE A><A/>", "the dump has a document type declaration" },
    { "entity",
      "<!DOCTYPE A [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><A>&x;</A>",
      "the dump has a document type declaration" },
    { "parameter-entity",
      "<!DOCTYPE A [<!ENTITY % x SYSTEM 'http://127.0.0.1:1/'> %x;]><A/>",
      "the dump has a document type declaration" },
    { "laughs",
      "<!DOCTYPE A [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>"
      "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;'>]>"
      "<A>&d;&d;&d;</A>",
      "the dump " },
    { "unknown-entity", "<A>&nothing;</A>", "the dump is not XML (" },
};

static void
test_bad(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autofree char *coded = encode(bad[i].xml);
    const char *const forms[] = { bad[i].xml, coded };

    for (guint k = 0; k < G_N_ELEMENTS(forms); k++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(drv_dump_parse(forms[k], strlen(forms[k]), &error));
        assert_error_text(error, DRV_ERROR_DUMP, "the dump ");
        if (k == 1)
            assert_error_text(error, DRV_ERROR_DUMP, bad[i].message);
    }
}

static void
test_too_large(void)
{
    gsize size = (gsize)DRV_DUMP_MAX + 1;
    g_autofree char *xml = g_malloc(size + 1);
    g_autoptr(GError) error = NULL;

    memset(xml, ' ', size);
    memcpy(xml, "<A>", 3);
    memcpy(xml + size - 4, "</A>", 5);
    g_assert_null(drv_dump_parse(xml, size, &error));
    assert_error_text(error, DRV_ERROR_DUMP, "the dump is larger than 67108864 bytes");
}

static void
test_deep(void)
{
    g_autoptr(GString) xml = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < 100000; i++)
        g_string_append(xml, "<A>");
    g_assert_null(drv_dump_parse(xml->str, xml->len, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_DUMP);
}

/* --- values ----------------------------------------------------------------------------
 */

static void
test_values(void)
{
    g_autoptr(DrvDump) dump = parse(XML);
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) ids = drv_dump_values(dump, "IMAGE/VMS/ID");
    g_auto(GStrv) none = drv_dump_values(dump, "IMAGE/NOTHING");
    g_autofree char *joined = g_strjoinv(",", ids);
    char *text;

    assert_value(dump, "IMAGE/PATH", "a & <b> €");
    assert_value(dump, "IMAGE/FORMAT|IMAGE/FSTYPE", "qcow2");
    assert_value(dump, "IMAGE/FSTYPE|IMAGE/ID", "qcow2");
    assert_value(dump, "DATASTORE/TEMPLATE/EMPTY|IMAGE/ID", "7");
    assert_value(dump, "DATASTORE/TEMPLATE/EMPTY", "");
    assert_value(dump, "/DS_DRIVER_ACTION_DATA/IMAGE/ID", "7");
    g_assert_cmpstr(joined, ==, "1,2,");
    g_assert_null(none[0]);
    g_assert_false(drv_dump_value(dump, "IMAGE[", &text, &error));
    assert_error_text(error, DRV_ERROR_FAILED, "bad XPath 'IMAGE['");
    g_clear_error(&error);
    g_assert_false(drv_dump_value(dump, "count(*)", &text, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_FAILED);
}

/* A value is never a part of the expression, whatever is in it. */
static void
test_variables(void)
{
    static const char *const names[] = {
        "plain", "it's", "say \"no\"", "both ' and \"", "'] | //SECRET | x['", "€ ]]>", ""
    };
    g_autoptr(GString) xml = g_string_new("<P><SECRET>x</SECRET>");
    g_autoptr(DrvDump) dump = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *name = g_markup_escape_text(names[i], -1);

        g_string_append_printf(xml, "<HOST><NAME>%s</NAME><ID>%u</ID></HOST>", name, i);
    }
    g_string_append(xml, "</P>");
    dump = parse(xml->str);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *id = g_strdup_printf("%u", i);

        drv_dump_set_variable(dump, "host", names[i]);
        assert_value(dump, "HOST[NAME=$host]/ID", id);
    }
    drv_dump_set_variable(dump, "host", "nobody");
    assert_value(dump, "HOST[NAME=$host]/ID", "");
}

static void
test_text(void)
{
    static const char *const children[] = { "A", "a & <b> ]]> \" ' €", "B", "", NULL };
    g_autofree char *built = drv_dump_build("ROOT", children);
    g_autoptr(DrvDump) dump = parse(built);
    g_autofree char *text = drv_dump_to_text(dump);
    g_autoptr(DrvDump) again = parse(text);

    g_assert_true(g_str_has_prefix(built, "<ROOT><A>"));
    assert_value(dump, "A", "a & <b> ]]> \" ' €");
    assert_value(again, "A", "a & <b> ]]> \" ' €");
    assert_value(again, "B", "");
}

/* libxml2 alone refuses texts of more than 10 MB. */
static void
test_long_text(void)
{
    gsize size = 12 * 1024 * 1024;
    g_autofree char *text = g_strnfill(size, 'x');
    g_autofree char *xml = g_strdup_printf("<VM><USER>%s</USER></VM>", text);
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvDump) dump = drv_dump_parse(xml, strlen(xml), &error);

    g_assert_no_error(error);
    g_assert_nonnull(dump);
}

static void
test_no_doctype(void)
{
    static const char *const documents[] = {
        "<!DOCTYPE a><a/>",
        "<?xml version='1.0'?>\n<!-- > --> <!DOCTYPE a [<!ENTITY b 'c'>]><a x='&b;'/>",
    };

    for (guint i = 0; i < G_N_ELEMENTS(documents); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(drv_dump_parse(documents[i], strlen(documents[i]), &error));
        g_assert_error(error, DRV_ERROR, DRV_ERROR_DUMP);
        g_assert_nonnull(strstr(error->message, "document type declaration"));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dump/forms", test_forms);
    g_test_add_func("/dump/callers", test_callers);
    g_test_add_func("/dump/bad-callers", test_bad_callers);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *name = g_strconcat("/dump/bad/", bad[i].name, NULL);

        g_test_add_data_func(name, GUINT_TO_POINTER(i), test_bad);
    }
    g_test_add_func("/dump/too-large", test_too_large);
    g_test_add_func("/dump/deep", test_deep);
    g_test_add_func("/dump/values", test_values);
    g_test_add_func("/dump/variables", test_variables);
    g_test_add_func("/dump/text", test_text);
    g_test_add_func("/dump/long-text", test_long_text);
    g_test_add_func("/dump/no-doctype", test_no_doctype);
    return g_test_run();
}
