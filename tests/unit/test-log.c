/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/log.h"
#include "scratch.h"

static const struct {
    const char *text;
    const char *shown;
} escapes[] = {
    { "", "" },
    { "plain 'text' $(id) \\", "plain 'text' $(id) \\" },
    { "two\nlines\r\tand a bell\a", "two\\x0alines\\x0d\\x09and a bell\\x07" },
    { "\033[31mred\x7f", "\\x1b[31mred\\x7f" },
    { "Äpfel €20 \xf0\x9f\x8d\x8e", "Äpfel €20 \xf0\x9f\x8d\x8e" },
    { "broken \xff and cut \xe2\x82", "broken \\xff and cut \\xe2\\x82" },
    { "C1 \xc2\x85 is a line break too", "C1 \\xc2\\x85 is a line break too" },
    { "overlong \xc0\xaf", "overlong \\xc0\\xaf" },
};

static void
test_escape(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(escapes); i++) {
        g_autofree char *shown = drv_log_escape(escapes[i].text);

        g_assert_cmpstr(shown, ==, escapes[i].shown);
        g_assert_true(g_utf8_validate(shown, -1, NULL));
    }
}

static void
say_all(void)
{
    drv_log_set_name("clone");
    drv_error_log("%s", "an error\nERROR MESSAGE --8<------");
    drv_warn("a warning");
    drv_info("%d facts", 3);
    drv_debug("details");
    drv_log_set_debug(TRUE);
    drv_debug("more %s", "details");
    drv_log(DRV_LOG_INFO, "%s is not a format here");
}

static void
test_lines(void)
{
    if (g_test_subprocess()) {
        say_all();
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("ERROR: clone: an error\\x0aERROR MESSAGE --8<------\n"
                              "WARN: clone: a warning\n"
                              "INFO: clone: 3 facts\n"
                              "DEBUG: clone: more details\n"
                              "INFO: clone: %s is not a format here\n");
}

static void
test_no_stderr(void)
{
    if (g_test_subprocess()) {
        close(STDERR_FILENO);
        drv_info("nobody hears this");
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("");
}

static void
note(DrvLogLevel level, const char *text, gpointer data)
{
    g_string_append_printf(data, "[%d %s]", (int)level, text);
}

static void
test_sink(void)
{
    g_autoptr(GString) said = g_string_new(NULL);

    drv_log_set_sink(note, said);
    drv_warn("one\ntwo"); /* the one who shows it escapes it */
    drv_debug("not wanted");
    drv_log_set_debug(TRUE);
    drv_debug("wanted");
    drv_log_set_debug(FALSE);
    drv_log_set_sink(NULL, NULL);
    g_assert_cmpstr(said->str, ==, "[1 one\ntwo][3 wanted]");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log/escape", test_escape);
    g_test_add_func("/log/lines", test_lines);
    g_test_add_func("/log/no-stderr", test_no_stderr);
    g_test_add_func("/log/sink", test_sink);
    return g_test_run();
}
