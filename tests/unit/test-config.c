/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/action.h"
#include "base/config.h"
#include "scratch.h"

/* --- against a real shell --------------------------------------------------------------
 */

static const char *const lines[] = {
    "X=plain",
    "X=",
    "X=''",
    "X=\"\"",
    "export X=value",
    "export\tX=value",
    "  X=indented",
    "X='single $HOME `id` \\n'",
    "X=\"double 'single' in it\"",
    "X=\"escaped \\\" \\$ \\` \\\\ \\n\"",
    "X=\"a\"'b'c\\ d",
    "X=it\\'s",
    "X=value # comment",
    "X=value#no-comment",
    "X='a # b'",
    "X=value; Y=other",
    "# X=comment",
    "A=one\nX=$A",
    "A=one\nX=${A}two",
    "A=one\nX=\"$A ${A}\"",
    "A=one\nX='$A'",
    "A=one\nX=$A$A",
    "X=${NOT_SET:-default}",
    "X=\"${NOT_SET:-with blank}\"",
    "X=${NOT_SET:-}",
    "A=\nX=${A:-empty}",
    "A=set\nX=${A:-default}",
    "X=$NOT_SET",
    "X=$KNOWN",
    "X=${KNOWN:-no}",
    "X=first\nX=second",
    "X=1\nX=${X}2",
    "X=\"two\nlines\"",
    "X=\"-c aes128-gcm@openssh.com -m umac-64@openssh.com\"",
    "X=dollar$",
    "X=\"dollar$\"",
    "X=a=b=c",
    "X='\\'",
    "X=no-newline-at-the-end",
    "\n\n\nX=after-blank-lines\n\n",
    "X_1=a\nX=${X_1}",
    "X=\"a\\\nb\"",
    "X=a\\\nb",
};

static void
test_as_shell(gconstpointer data)
{
    const char *text = data;
    g_autofree char *script = g_strconcat(text, "\nprintf %s \"$X\"", NULL);
    g_autoptr(DrvCmd) cmd = drv_cmd_new("sh", "-c", script, NULL);
    g_autoptr(GString) wanted = g_string_new(NULL);
    g_autoptr(DrvConfig) config = NULL;
    g_autoptr(GError) error = NULL;

    drv_cmd_env(cmd, "KNOWN", "from outside");
    must(drv_cmd_capture(cmd, wanted, 4096, &error));
    config = drv_config_parse("x", text, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(drv_config_get(config, "X", ""), ==, wanted->str);
}

/* --- what is refused, what is skipped --------------------------------------------------
 */

static const struct {
    const char *text;
    const char *message;
} bad[] = {
    { "X=1\nY=$(id)\n", "etc/x.conf:2: command substitution is not supported" },
    { "X=`id`", "etc/x.conf:1: command substitution is not supported" },
    { "X=\"`id`\"", "etc/x.conf:1: command substitution is not supported" },
    { "X=\"a$(id)\"", "etc/x.conf:1: command substitution is not supported" },
    { "X='open\n\n", "etc/x.conf:3: a quote is not closed" },
    { "X=\"open", "etc/x.conf:1: a quote is not closed" },
    { "X=\"open\\", "etc/x.conf:1: a quote is not closed" },
    { "X=${Y", "etc/x.conf:1: only ${NAME} and ${NAME:-default} are supported" },
    { "X=${Y:+a}", "etc/x.conf:1: only ${NAME} and ${NAME:-default} are supported" },
    { "X=${Y%a}", "etc/x.conf:1: only ${NAME} and ${NAME:-default} are supported" },
    { "X=${}", "etc/x.conf:1: bad ${…}" },
    { "X=${", "etc/x.conf:1: bad ${…}" },
    { "A=\"1\n2\"\nX=${Y:-a\nb", "etc/x.conf:3: only ${NAME} and" },
};

static void
test_bad(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(DrvConfig) config = drv_config_parse("etc/x.conf", bad[i].text, &error);

        g_assert_null(config);
        assert_error_text(error, DRV_ERROR_CONFIG, bad[i].message);
    }
}

static void
test_other_code(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvConfig) config = drv_config_parse("x",
                                                   "A=1\n"
                                                   "if [ -x /bin/x ]; then\n"
                                                   "    B=2\n"
                                                   "fi\n"
                                                   "source $(dirname $0)/y; C=3\n"
                                                   "1X=4\n"
                                                   "D = 5\n"
                                                   "E=6",
                                                   &error);

    g_assert_no_error(error);
    g_assert_cmpstr(drv_config_get(config, "A", NULL), ==, "1");
    g_assert_cmpstr(drv_config_get(config, "C", NULL), ==, NULL);
    g_assert_cmpstr(drv_config_get(config, "1X", NULL), ==, NULL);
    g_assert_cmpstr(drv_config_get(config, "D", NULL), ==, NULL);
    g_assert_cmpstr(drv_config_get(config, "E", NULL), ==, "6");
}

/* --- values ----------------------------------------------------------------------------
 */

static void
test_values(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvConfig) config = drv_config_parse(
        "x", "N=42\nEMPTY=\nWORD=x\nNEG=-1\nY=YES\nT=true\nF=False\nO=no\n", &error);
    guint64 number;
    gboolean flag;

    g_assert_cmpstr(drv_config_get(config, "EMPTY", "fallback"), ==, "fallback");
    must(drv_config_get_uint(config, "N", 7, &number, &error));
    g_assert_cmpuint(number, ==, 42);
    must(drv_config_get_uint(config, "EMPTY", 7, &number, &error));
    g_assert_cmpuint(number, ==, 7);
    g_assert_false(drv_config_get_uint(config, "WORD", 7, &number, &error));
    assert_error_text(error, DRV_ERROR_CONFIG, "x: WORD is not a number: 'x'");
    g_clear_error(&error);
    g_assert_false(drv_config_get_uint(config, "NEG", 7, &number, &error));
    assert_error_text(error, DRV_ERROR_CONFIG, "x: NEG is not a number: '-1'");
    g_clear_error(&error);
    must(drv_config_get_bool(config, "Y", FALSE, &flag, &error));
    g_assert_true(flag);
    must(drv_config_get_bool(config, "T", FALSE, &flag, &error));
    g_assert_true(flag);
    must(drv_config_get_bool(config, "F", TRUE, &flag, &error));
    g_assert_false(flag);
    must(drv_config_get_bool(config, "O", TRUE, &flag, &error));
    g_assert_false(flag);
    must(drv_config_get_bool(config, "NONE", TRUE, &flag, &error));
    g_assert_true(flag);
    g_assert_false(drv_config_get_bool(config, "WORD", TRUE, &flag, &error));
    assert_error_text(error, DRV_ERROR_CONFIG, "x: WORD is neither yes nor no: 'x'");
}

static void
load_all(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *self = g_build_filename(dir, "tm", "qcow2", "clone", NULL);
    g_autofree char *directory = g_build_filename(dir, "etc", "tm", NULL);
    g_autofree char *file = g_build_filename(directory, "x.conf", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvConfig) none = NULL;
    g_autoptr(DrvConfig) some = NULL;

    drv_action_init(1, (char *[]){ self, NULL });
    g_assert_cmpint(g_mkdir_with_parents(directory, 0755), ==, 0);
    g_assert_true(g_file_set_contents(file, "A=1\nB=$(x)", 3, NULL));
    none = drv_config_load("tm/none.conf", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(drv_config_get(none, "A", NULL), ==, NULL);
    some = drv_config_load("tm/x.conf", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(drv_config_get(some, "A", NULL), ==, "1");
    g_assert_null(drv_config_load("tm", &error)); /* there, but no file */
    g_assert_error(error, DRV_ERROR, DRV_ERROR_CONFIG);
}

static void
test_load(void)
{
    if (g_test_subprocess()) {
        load_all();
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_setenv("KNOWN", "from outside", TRUE);
    for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autofree char *name = g_strdup_printf("/config/as-shell/%02u", i);

        g_test_add_data_func(name, lines[i], test_as_shell);
    }
    g_test_add_func("/config/bad", test_bad);
    g_test_add_func("/config/other-code", test_other_code);
    g_test_add_func("/config/values", test_values);
    g_test_add_func("/config/load", test_load);
    return g_test_run();
}
