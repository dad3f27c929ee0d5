/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <string.h>

#include "base/error.h"

static void
check_refused(const char *text, gssize size, const char *why)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_object) document = drv_json_parse("it", text, size, &error);

    g_assert_null(document);
    g_assert_true(drv_error_is(error, DRV_ERROR_DUMP));
    if (strstr(error->message, why) == NULL)
        g_error("not %s: %s", why, error->message);
}

static void
test_refused(void)
{
    g_autofree char *deep = g_strnfill(DRV_JSON_MAX_DEPTH + 1, '[');
    g_autofree char *large = g_strnfill(DRV_JSON_MAX_SIZE + 1, ' ');

    check_refused("", -1, "it is not JSON: unexpected end of data");
    check_refused("{\"a\":1", -1, "unexpected end of data");
    check_refused("{\"a\":1} {}", -1, "unexpected character");
    check_refused("{\"a\":01}", -1, "it is not JSON");
    check_refused("{\"a\":1,}", -1, "unexpected character");
    check_refused("\"\xff\"", -1, "utf-8");
    check_refused("{}\0{}", 5, "unexpected");
    check_refused(deep, -1, "nesting too deep");
    check_refused(large, -1, "it is too long for JSON");
}

static void
test_objects(void)
{
    static const char *const others[] = { "1", "null", "[]", "\"{}\"", "true" };

    for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(drv_json_parse_object("it", others[i], -1, &error));
        g_assert_true(drv_error_is(error, DRV_ERROR_DUMP));
        g_assert_cmpstr(error->message, ==, "it is not a JSON object");
    }
}

static void
test_getters(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_object) it = drv_json_parse_object(
        "it",
        "{\"n\":-7,\"big\":9223372036854775807,\"huge\":1e99,\"nan\":NaN,\"old\":\"42\",\"bad\":\"4x\","
        "\"t\":\"a/b\",\"f\":true,\"nil\":null,\"o\":{\"n\":5}}",
        -1,
        &error);
    g_autofree char *text = NULL;

    g_assert_no_error(error);
    g_assert_cmpint(drv_json_number(it, "n", 1), ==, -7);
    g_assert_cmpint(drv_json_number(it, "big", 1), ==, G_MAXINT64);
    g_assert_cmpint(drv_json_number(it, "huge", 1), ==, G_MAXINT64);
    g_assert_cmpint(drv_json_number(it, "nan", 1), ==, 1);
    g_assert_cmpint(drv_json_number(it, "old", 1), ==, 42);
    g_assert_cmpint(drv_json_number(it, "bad", 1), ==, 1);
    g_assert_cmpint(drv_json_number(it, "f", 1), ==, 1);
    g_assert_cmpint(drv_json_number(it, "none", 1), ==, 1);
    g_assert_cmpint(drv_json_number(drv_json_member(it, "o"), "n", 1), ==, 5);
    g_assert_cmpint(drv_json_number(drv_json_member(it, "n"), "n", 1), ==, 1);
    g_assert_cmpint(drv_json_number(NULL, "n", 1), ==, 1);
    g_assert_cmpstr(drv_json_text(it, "t", "-"), ==, "a/b");
    g_assert_cmpstr(drv_json_text(it, "n", "-"), ==, "-");
    g_assert_cmpstr(drv_json_text(it, "nil", "-"), ==, "-");
    g_assert_true(drv_json_flag(it, "f", FALSE));
    g_assert_true(drv_json_flag(it, "n", TRUE));
    g_assert_null(drv_json_member(it, "nil"));
    text = drv_json_print(drv_json_member(it, "o"));
    g_assert_cmpstr(text, ==, "{\"n\":5}");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json/refused", test_refused);
    g_test_add_func("/json/objects", test_objects);
    g_test_add_func("/json/getters", test_getters);
    return g_test_run();
}
