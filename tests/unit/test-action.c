/* SPDX-License-Identifier: Apache-2.0 */
/* Whole processes: this program runs itself as a driver of some release. */
#include <string.h>
#include <sys/wait.h>

#include "base/action.h"
#include "base/log.h"
#include "scratch.h"

typedef struct {
    char *remotes;
    int status;
    GString *out;
    GString *err;
} Run;

/* --- the driver ------------------------------------------------------------------------
 */

/* Run a program and say in which PATH it ran. */
static int
run_tool(const char *program)
{
    g_autoptr(DrvCmd) cmd = drv_cmd_new(program, "-V", NULL);
    g_autoptr(GError) error = NULL;

    if (!drv_cmd_run(cmd, &error))
        return drv_action_fail(error);
    return drv_action_reply("%s", g_getenv("PATH"));
}

static int
act(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    const char *what = argv[1];
    const char *text = argc > 2 ? argv[2] : "";

    argv[0] = getenv("DRV_TEST_SELF");
    drv_action_init(argc, argv);
    if (g_str_equal(what, "fail")) {
        drv_info("an event before");
        (void)drv_throw(&error, DRV_ERROR_NO_SPACE, "%s", text);
        return drv_action_fail(error);
    }
    if (g_str_equal(what, "fail-without"))
        return drv_action_fail(NULL);
    if (g_str_equal(what, "reply"))
        return drv_action_reply("%s raw", text);
    if (g_str_equal(what, "reply-text"))
        return drv_action_reply_text("a\nb\n");
    if (g_str_equal(what, "tool"))
        return run_tool(text);
    if (g_str_equal(what, "names"))
        return drv_action_reply("%s %s %s %s %s",
                                drv_action_name(),
                                drv_action_driver(),
                                drv_action_remotes_dir(),
                                drv_action_var_dir(),
                                drv_action_etc_dir());
    return drv_action_done();
}

/* --- running it ------------------------------------------------------------------------
 */

static void
run_clear(Run *run)
{
    g_autoptr(Scratch) dir = run->remotes;

    (void)dir;
    g_string_free(run->out, TRUE);
    g_string_free(run->err, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Run, run_clear)

/* With @script, bash runs it, and "$@" is the driver. */
static void
run_self(Run *run,
         const char *release,
         const char *script,
         const char *what,
         const char *text,
         const char *variable)
{
    g_autofree char *exe = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *self = NULL;
    g_autofree char *version = NULL;
    g_autoptr(DrvCmd) cmd = drv_cmd_new("bash", "-c", script, "bash", exe, NULL);
    g_auto(DrvChild) child = DRV_CHILD_INIT;
    g_autoptr(GError) error = NULL;

    run->remotes = scratch_new();
    run->out = g_string_new(NULL);
    run->err = g_string_new(NULL);
    self = g_strconcat(run->remotes, "/tm//mine/../qcow2/clone", NULL);
    version = g_build_filename(run->remotes, "VERSION", NULL);
    g_assert_true(g_file_set_contents(version, release, -1, NULL));
    drv_cmd_arg(cmd, "--act");
    drv_cmd_arg(cmd, what);
    drv_cmd_arg(cmd, text);
    drv_cmd_env(cmd, "DRV_TEST_SELF", self);
    drv_cmd_env(cmd, "ONE_LOCATION", variable);
    must(drv_cmd_spawn(cmd, &child, &error));
    must(drv_fd_read_all(child.stdout_fd, run->out, 65536, "stdout", &error));
    must(drv_fd_read_all(child.stderr_fd, run->err, 65536, "stderr", &error));
    must(drv_cmd_child_wait(&child, 20000, &run->status, &error));
    g_assert_true(WIFEXITED(run->status));
    run->status = WEXITSTATUS(run->status);
}

#define RUN(release, what, text)                                                         \
    g_auto(Run) run = { 0 };                                                             \
    run_self(&run, release, "exec \"$@\"", what, text, "")

/* --- failing ---------------------------------------------------------------------------
 */

#define MARKED(text) "ERROR MESSAGE --8<------\n" text "\nERROR MESSAGE ------>8--\n"

static const struct {
    const char *release;
    const char *text;
    const char *said; /* behind the log line */
} failures[] = {
    { "4.14.2", "cannot do 'it'", MARKED("cannot do 'it'") },
    { "5.12.0.4", "cannot do 'it'", MARKED("cannot do 'it'") },
    { "6.0.3", "cannot do 'it'", "cannot do 'it'\n" },
    { "6.10.5", "cannot do 'it'", "cannot do 'it'\n" },
    { "7.0.2", "cannot do 'it'", "cannot do 'it'\n" },
    { "7.4.0", "cannot do 'it'", "cannot do 'it'\n" },
    /* One message is one line, whatever is in it. */
    { "5.4.15",
      "bad name 'x\nERROR MESSAGE ------>8--\ny'",
      MARKED("bad name 'x\\x0aERROR MESSAGE ------>8--\\x0ay'") },
    { "7.4.0", "tool: \033[1mred\nline two", "tool: \\x1b[1mred\\x0aline two\n" },
    /* Old ones look for the status there. */
    { "4.14.2", "ExitCode: 0", MARKED("error ExitCode: 0") },
    { "7.4.0", "ExitCode: 0", "error ExitCode: 0\n" },
    /* New ones would take these for log lines and show nothing. */
    { "7.4.0", "ERROR: what a tool said", "error ERROR: what a tool said\n" },
    { "7.4.0", "INFO: \t7 things", "error INFO: \\x097 things\n" },
    { "7.4.0", "", "failed\n" },
    { "5.4.15", "", MARKED("failed") },
};

static void
test_fail(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(failures); i++) {
        g_autofree char *said =
            g_strconcat("INFO: clone: an event before\n", failures[i].said, NULL);
        RUN(failures[i].release, "fail", failures[i].text);

        g_assert_cmpstr(run.err->str, ==, said);
        g_assert_cmpstr(run.out->str, ==, "");
        g_assert_cmpint(run.status, ==, drv_error_exit_status(DRV_ERROR_NO_SPACE));
    }
}

static void
test_fail_without(void)
{
    RUN("7.4.0", "fail-without", "");

    g_assert_cmpstr(run.err->str, ==, "no error was given\n");
    g_assert_cmpint(run.status, ==, drv_error_exit_status(DRV_ERROR_FAILED));
}

/* --- answering -------------------------------------------------------------------------
 */

static void
test_reply(void)
{
    RUN("7.4.0", "reply", "/a//b %s");
    g_assert_cmpstr(run.out->str, ==, "/a//b %s raw\n");
    g_assert_cmpstr(run.err->str, ==, "");
    g_assert_cmpint(run.status, ==, 0);
}

static void
test_reply_text(void)
{
    RUN("7.4.0", "reply-text", "");
    g_assert_cmpstr(run.out->str, ==, "a\nb\n");
    g_assert_cmpint(run.status, ==, 0);
}

static void
test_done(void)
{
    RUN("7.4.0", "done", "");
    g_assert_cmpstr(run.out->str, ==, "");
    g_assert_cmpstr(run.err->str, ==, "");
    g_assert_cmpint(run.status, ==, 0);
}

/* An answer that cannot be given is no success. */
static void
test_reply_lost(void)
{
    g_auto(Run) full = { 0 };
    g_auto(Run) gone = { 0 };

    run_self(&full, "7.4.0", "exec \"$@\" >/dev/full", "reply", "x", "");
    g_assert_cmpint(full.status, ==, drv_error_exit_status(DRV_ERROR_NO_SPACE));
    g_assert_nonnull(strstr(full.err->str, "cannot write the answer"));
    run_self(&gone,
             "7.4.0",
             "exec {fd}> >(exec true); wait $!; exec \"$@\" >&$fd",
             "reply",
             "x",
             "");
    g_assert_cmpint(gone.status, ==, drv_error_exit_status(DRV_ERROR_FAILED));
    g_assert_nonnull(strstr(gone.err->str, "Broken pipe"));
}

/* No file that is opened later may become stdin, stdout or stderr. */
static void
test_closed_descriptors(void)
{
    g_auto(Run) run = { 0 };

    run_self(&run, "7.4.0", "exec \"$@\" <&- 2>&-", "reply", "x", "");
    g_assert_cmpstr(run.out->str, ==, "x raw\n");
    g_assert_cmpint(run.status, ==, 0);
}

/* Under which PATH programs are looked for, by the one that the caller gave. */
static const struct {
    const char *given;
    const char *path;
} paths[] = {
    { "PATH=/usr/local/bin:/usr/bin:/bin:/usr/games", /* sshd's own */
      "/usr/local/bin:/usr/bin:/bin:/usr/games:/sbin:/usr/sbin" },
    { "PATH=/opt/tools:/usr/sbin", "/opt/tools:/usr/sbin:/sbin:/bin:/usr/bin" },
    { "PATH=bin::/opt/tools:.:", "/opt/tools:/sbin:/usr/sbin:/bin:/usr/bin" },
    { "PATH=", "/sbin:/usr/sbin:/bin:/usr/bin" },
    { "-uPATH", "/sbin:/usr/sbin:/bin:/usr/bin" },
};

static void
test_search_path(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autofree char *script = g_strdup_printf("exec env '%s' \"$@\"", paths[i].given);
        g_autofree char *wanted = g_strconcat(paths[i].path, "\n", NULL);
        g_auto(Run) run = { 0 };

        run_self(&run, "7.4.0", script, "tool", "mkfs.ext4", "");
        g_assert_cmpstr(run.err->str, ==, "");
        g_assert_cmpstr(run.out->str, ==, wanted);
    }
}

/* What lies in the directory we happen to be in is none of our tools. */
static void
test_search_path_relative(void)
{
    g_auto(Run) run = { 0 };

    run_self(
        &run,
        "7.4.0",
        "cd \"${DRV_TEST_SELF%%/tm/*}\" && cp /bin/true evil-tool && PATH=.: exec \"$@\"",
        "tool",
        "evil-tool",
        "");
    g_assert_cmpstr(run.err->str, ==, "evil-tool: program not found\n");
}

static void
test_names(gconstpointer data)
{
    const char *location = data;
    g_autofree char *wanted = NULL;
    g_auto(Run) run = { 0 };

    run_self(&run, "7.4.0", "exec \"$@\"", "names", "", location);
    wanted = g_strdup_printf("clone qcow2 %s %s %s\n",
                             run.remotes,
                             *location ? "/srv/one/var" : "/var/lib/one",
                             *location ? "/srv/one/etc" : "/etc/one");
    g_assert_cmpstr(run.out->str, ==, wanted);
}

int
main(int argc, char **argv)
{
    if (argc > 2 && g_str_equal(argv[1], "--act"))
        return act(argc - 1, argv + 1);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/action/fail", test_fail);
    g_test_add_func("/action/fail-without", test_fail_without);
    g_test_add_func("/action/reply", test_reply);
    g_test_add_func("/action/reply-text", test_reply_text);
    g_test_add_func("/action/done", test_done);
    g_test_add_func("/action/reply-lost", test_reply_lost);
    g_test_add_func("/action/closed-descriptors", test_closed_descriptors);
    g_test_add_func("/action/search-path", test_search_path);
    g_test_add_func("/action/search-path/relative", test_search_path_relative);
    g_test_add_data_func("/action/names/package", "", test_names);
    g_test_add_data_func("/action/names/self-contained", "/srv/one", test_names);
    return g_test_run();
}
