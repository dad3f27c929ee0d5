/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest's agent is asked, and what a guest may answer. */
#include "virt/agent-exec.h"

#include <string.h>

#include "base/error.h"

static void
test_exec_command(void)
{
    const char *words[] = { "/bin/sh", "-c", "echo \"a\\b\"\n", NULL };
    g_autofree char *with = drv_agent_exec_command(words, "aGk=");
    g_autofree char *without = drv_agent_exec_command(words, "");

    g_assert_cmpstr(with,
                    ==,
                    "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/sh\","
                    "\"arg\":[\"-c\",\"echo \\\"a\\\\b\\\"\\n\"],\"capture-output\":"
                    "true,\"input-data\":\"aGk=\"}}");
    g_assert_null(strstr(without, "input-data"));
}

static void
test_exec_pid(void)
{
    static const char *const others[] = {
        "{\"return\":{}}",
        "{\"return\":{\"pid\":0}}",
        "{\"return\":{\"pid\":-3}}",
        "{\"return\":{\"pid\":-}}",
        "{\"return\":{\"x\":{\"pid\":5}}}",
        "{\"return\":{\"note\":\"\\\"pid\\\":5\"}}",
        "{\"pid\":5}",
        "",
    };
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(drv_agent_exec_pid("{\"return\":{\"pid\":417}}", &error), ==, 417);
    g_assert_no_error(error);
    for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
        g_assert_cmpint(drv_agent_exec_pid(others[i], &error), ==, 0);
        g_assert_nonnull(error);
        g_clear_error(&error);
    }
}

static void
test_exec_status(void)
{
    static const struct {
        const char *answer;
        gboolean exited;
        gint64 code;
        const char *out;
    } cases[] = {
        { "{\"return\":{\"exitcode\":3,\"out-data\":\"YQ==\",\"exited\":true}}",
          TRUE,
          3,
          "YQ==" },
        { "{ \"return\" : { \"exited\" : false } }", FALSE, 0, "" },
        { "{\"return\":{\"signal\":9,\"exited\":true,\"out-data\":\"\"}}",
          TRUE,
          137,
          "" },
        { "{\"return\":{\"signal\":4000000000,\"exited\":true}}", TRUE, 255, "" },
        { "{\"return\":{\"out-data\":\"a\\\", \\\"exited\\\":true\",\"exited\":false}}",
          FALSE,
          0,
          "a" },
        { "{\"return\":{\"x\":{\"exited\":true},\"exited\":false}}", FALSE, 0, "" },
        { "{\"return\":{\"exited\":\"true\",\"out-data\":7}}", FALSE, 0, "" },
        { "{\"exited\":true}", FALSE, 0, NULL },
        { "{\"return\":[true]}", FALSE, 0, NULL },
        { "{\"return\":{\"exited\":true", FALSE, 0, NULL },
        { "{\"return\":{\"exited\":true}} {}", FALSE, 0, NULL },
        { "{\"return\":{\"out-data\":\"YQ==", FALSE, 0, NULL },
        { "", FALSE, 0, NULL },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(DrvAgentExec) end = { 0 };
        g_autoptr(GError) error = NULL;
        gboolean ok = drv_agent_exec_parse(cases[i].answer, &end, &error);

        g_assert_true(ok == (error == NULL));
        g_assert_cmpint(end.exited, ==, cases[i].exited);
        g_assert_cmpint(end.code, ==, cases[i].code);
        g_assert_cmpstr(end.out, ==, cases[i].out);
    }
}

static void
test_exec_output_is_limited(void)
{
    g_autofree char *output = g_strnfill(DRV_AGENT_EXEC_OUTPUT + 4, 'A');
    g_autofree char *answer =
        g_strdup_printf("{\"return\":{\"exited\":true,\"out-data\":\"%s\"}}", output);
    g_auto(DrvAgentExec) end = { 0 };
    g_autoptr(GError) error = NULL;

    g_assert_true(drv_agent_exec_parse(answer, &end, &error));
    g_assert_cmpuint(strlen(end.out), ==, DRV_AGENT_EXEC_OUTPUT);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agent-exec/command", test_exec_command);
    g_test_add_func("/agent-exec/pid", test_exec_pid);
    g_test_add_func("/agent-exec/status", test_exec_status);
    g_test_add_func("/agent-exec/output-is-limited", test_exec_output_is_limited);
    return g_test_run();
}
