/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_PRIVATE
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cancel.h"
#include "cmd/cmd-private.h"
#include "scratch.h"

#define SH(script) drv_cmd_new("sh", "-c", script, NULL)

/* --- arguments ------------------------------------------------------------------------
 */

static void
test_argv(void)
{
    g_autoptr(DrvCmd) cmd = drv_cmd_new("tool", "one", NULL);
    g_autofree char *line = NULL;

    drv_cmd_option(cmd, "-o", "value");
    drv_cmd_option(cmd, "-p", "");
    drv_cmd_option(cmd, "-q", NULL);
    drv_cmd_argf(cmd, "%s=%d", "n", 7);
    drv_cmd_arg(cmd, "%s stays");
    line = g_strjoinv("|", (char **)drv_cmd_argv(cmd));
    g_assert_cmpstr(line, ==, "tool|one|-o|value|n=7|%s stays");
}

/* Nothing in a value is ever more than a part of one argument. */
static void
test_hostile_argv(void)
{
    static const char *const values[] = {
        "a b",     "",          "$(touch x)", "`id`",   "; rm -rf /", "-rf", "--",
        "'\"'\"'", "new\nline", "\xff\xfe",   "\\n\\0", "*",          "~",   "€ é",
    };
    g_autoptr(DrvCmd) cmd = drv_cmd_new("printf", "%s\\0", NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    gsize at = 0;

    for (guint i = 0; i < G_N_ELEMENTS(values); i++)
        drv_cmd_arg(cmd, values[i]);
    must(drv_cmd_capture(cmd, out, 4096, &error));
    for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
        g_assert_cmpuint(at, <, out->len);
        g_assert_cmpstr(out->str + at, ==, values[i]);
        at += strlen(values[i]) + 1;
    }
    g_assert_cmpuint(at, ==, out->len);
}

static void
test_environment(void)
{
    g_autoptr(DrvCmd) cmd = drv_cmd_new("env", NULL);
    g_autoptr(GString) out = g_string_new("\n");
    g_autoptr(GError) error = NULL;

    g_setenv("DRV_TEST_KEPT", "a b\"c", TRUE);
    g_setenv("DRV_TEST_DROPPED", "x", TRUE);
    g_setenv("LC_ALL", "de_DE.UTF-8", TRUE);
    drv_cmd_keep_env(cmd, "DRV_TEST_KEPT");
    drv_cmd_keep_env(cmd, "DRV_TEST_NOT_SET");
    drv_cmd_env(cmd, "DRV_TEST_OWN", "1=2");
    must(drv_cmd_capture(cmd, out, 65536, &error));
    g_assert_nonnull(strstr(out->str, "\nDRV_TEST_KEPT=a b\"c\n"));
    g_assert_nonnull(strstr(out->str, "\nDRV_TEST_OWN=1=2\n"));
    g_assert_nonnull(strstr(out->str, "\nLC_ALL=C\n"));
    g_assert_nonnull(strstr(out->str, "\nPATH="));
    g_assert_null(strstr(out->str, "DROPPED"));
    g_assert_null(strstr(out->str, "NOT_SET"));
}

/* --- descriptors -----------------------------------------------------------------------
 */

/* Only 0, 1, 2 and what was given arrive, though we hold others open. */
static void
test_descriptors(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) first = scratch_open(dir, "first");
    g_auto(DrvFd) second = scratch_open(dir, "second");
    g_auto(DrvFd) leaked = dup(first); /* not O_CLOEXEC */
    g_autoptr(DrvCmd) cmd = SH("cat <&4; cat <&3; ls /proc/$$/fd");
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(leaked, >, 4);
    put_at(first, "one ", 4, 0);
    put_at(second, "two ", 4, 0);
    drv_cmd_fd(cmd, 3, first); /* these two numbers may be ours the other way round */
    drv_cmd_fd(cmd, 4, second);
    must(drv_cmd_capture(cmd, out, 4096, &error));
    g_assert_cmpstr(out->str, ==, "two one 0\n1\n2\n3\n4\n");
}

static void
test_swapped_descriptors(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) first = scratch_open(dir, "first");
    g_auto(DrvFd) second = scratch_open(dir, "second");
    g_autofree char *script = g_strdup_printf("cat <&%d; cat <&%d", first, second);
    g_autoptr(DrvCmd) cmd = drv_cmd_new("bash", "-c", script, NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    put_at(first, "one", 3, 0);
    put_at(second, "two", 3, 0);
    drv_cmd_fd(cmd, second, first);
    drv_cmd_fd(cmd, first, second);
    must(drv_cmd_capture(cmd, out, 4096, &error));
    g_assert_cmpstr(out->str, ==, "twoone");
}

static void
test_stdin(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) fd = scratch_open(dir, "in");
    g_autoptr(DrvCmd) none = drv_cmd_new("cat", NULL);
    g_autoptr(DrvCmd) given = drv_cmd_new("cat", NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    must(drv_cmd_capture(none, out, 4096, &error));
    g_assert_cmpstr(out->str, ==, "");
    put_at(fd, "given", 5, 0);
    drv_cmd_fd(given, 0, fd);
    must(drv_cmd_capture(given, out, 4096, &error));
    g_assert_cmpstr(out->str, ==, "given");
}

static void
test_cwd(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_auto(DrvFd) file_fd = scratch_open(dir, "file");
    g_autoptr(DrvCmd) cmd = drv_cmd_new("cat", "./file", NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    put_at(file_fd, "here", 4, 0);
    drv_cmd_cwd(cmd, dir_fd);
    must(drv_cmd_capture(cmd, out, 4096, &error));
    g_assert_cmpstr(out->str, ==, "here");
    drv_cmd_cwd(cmd, file_fd); /* no directory: the program must not run elsewhere */
    g_assert_false(drv_cmd_capture(cmd, out, 4096, &error));
    assert_error_text(error, DRV_ERROR_NOT_FOUND, "cannot start ");
    g_assert_cmpstr(out->str, ==, "here");
}

/* --- failures --------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    const char *script;
    DrvErrorCode code;
    const char *message;
} failures[] = {
    { "status", "exit 7", DRV_ERROR_COMMAND, "sh: exit status 7" },
    { "last-line",
      "echo first >&2; echo ' last one ' >&2; echo >&2; exit 1",
      DRV_ERROR_COMMAND,
      "sh: last one" },
    { "own-prefix", "echo 'sh: oops' >&2; exit 1", DRV_ERROR_COMMAND, "sh: oops" },
    { "no-space",
      "echo 'x: No space left on device' >&2; exit 1",
      DRV_ERROR_NO_SPACE,
      "sh: x: No space left on device" },
    { "signal", "kill -9 $$", DRV_ERROR_COMMAND, "sh: killed by signal 9" },
};

static void
test_failure(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autoptr(DrvCmd) cmd = SH(failures[i].script);
    g_autoptr(GError) error = NULL;

    g_assert_false(drv_cmd_run(cmd, &error));
    g_assert_error(error, DRV_ERROR, (int)failures[i].code);
    g_assert_cmpstr(error->message, ==, failures[i].message);
}

static void
test_exec_failures(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *path = g_build_filename(dir, "tool", NULL);
    g_autoptr(DrvCmd) missing = drv_cmd_new("no-such-program-here", NULL);
    g_autoptr(DrvCmd) broken = drv_cmd_new(path, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_false(drv_cmd_run(missing, &error));
    assert_error_text(
        error, DRV_ERROR_NOT_FOUND, "no-such-program-here: program not found");
    g_clear_error(&error);
    g_assert_true(g_file_set_contents(path, "#!/no/such/interpreter\n", -1, NULL));
    g_assert_cmpint(g_chmod(path, 0755), ==, 0);
    g_assert_false(drv_cmd_run(broken, &error));
    assert_error_text(error, DRV_ERROR_NOT_FOUND, "cannot start ");
    g_clear_error(&error);
    g_assert_true(g_file_set_contents(path, "not a program", -1, NULL));
    g_assert_cmpint(g_chmod(path, 0755), ==, 0);
    g_assert_false(drv_cmd_run(broken, &error));
    assert_error_text(error, DRV_ERROR_FAILED, "cannot start ");
}

/* More than is kept: still the last line is what is reported, and nothing blocks. */
static void
test_big_stderr(void)
{
    g_autoptr(DrvCmd) cmd =
        SH("head -c 1000000 /dev/zero | tr '\\0' 'x' >&2; echo >&2; echo 'the end' >&2; "
           "exit 3");
    g_autoptr(GError) error = NULL;

    g_assert_false(drv_cmd_run(cmd, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_COMMAND);
    g_assert_cmpstr(error->message, ==, "sh: the end");
}

static void
test_output_limit(void)
{
    g_autoptr(DrvCmd) cmd = SH("head -c 100000 /dev/zero; echo not me >&2");
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    must(drv_cmd_capture(cmd, out, 100000, &error));
    g_assert_cmpuint(out->len, ==, 100000);
    g_string_truncate(out, 0);
    g_assert_false(drv_cmd_capture(cmd, out, 99999, &error));
    assert_error_text(error, DRV_ERROR_COMMAND, "sh: too much output");
}

/* --- stopping --------------------------------------------------------------------------
 */

static void
test_timeout(gconstpointer script)
{
    g_autoptr(DrvCmd) cmd = SH(script);
    gint64 start = g_get_monotonic_time();
    g_autoptr(GError) error = NULL;

    drv_cmd_timeout(cmd, 200);
    g_assert_false(drv_cmd_run(cmd, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_TIMEOUT);
    g_assert_cmpint((g_get_monotonic_time() - start) / 1000, >=, 199);
    g_assert_cmpint((g_get_monotonic_time() - start) / 1000, <, 5000);
    g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, -1); /* nobody is left to reap */
}

static gpointer
stop_main(gpointer data)
{
    char byte;

    (void)!read(GPOINTER_TO_INT(data), &byte, 1); /* the command runs */
    kill(getpid(), SIGTERM);
    return NULL;
}

static void
test_cancelled(void)
{
    g_autoptr(DrvCmd) cmd = SH("echo >&3; exec 3>&-; sleep 60");
    const struct timespec now = { 0, 0 };
    g_autoptr(GError) error = NULL;
    GThread *other;
    sigset_t set;
    int ends[2];

    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    other = g_thread_new("stop", stop_main, GINT_TO_POINTER(ends[0]));
    drv_cmd_fd(cmd, 3, ends[1]);
    g_assert_false(drv_cmd_run(cmd, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_CANCELLED);
    g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, -1);
    g_thread_join(other);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    g_assert_cmpint(sigtimedwait(&set, NULL, &now), ==, SIGTERM);
    close(ends[0]);
    close(ends[1]);
}

/* Who is killed takes the running command along. */
static void
test_death(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) rest = g_string_new(NULL);
    int ends[2];
    char byte;
    pid_t pid;

    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    pid = fork();
    if (pid == 0) {
        g_autoptr(DrvCmd) cmd = SH("echo >&3; exec sleep 60 >/dev/null 2>&1");

        drv_cmd_fd(cmd, 3, ends[1]);
        (void)!drv_cmd_run(cmd, NULL);
        _exit(1);
    }
    close(ends[1]);
    g_assert_cmpint(read(ends[0], &byte, 1), ==, 1);
    kill(pid, SIGKILL);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    must(drv_fd_read_all(ends[0], rest, 10, "the pipe", &error)); /* ends with sleep */
    close(ends[0]);
}

/* --- conversations and daemons ---------------------------------------------------------
 */

static void
test_spawn(void)
{
    g_autoptr(DrvCmd) cmd = SH("read line; echo \"got $line\"; echo err >&2; exit 5");
    g_auto(DrvChild) child = DRV_CHILD_INIT;
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GString) err = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    int status = 0;

    must(drv_cmd_spawn(cmd, &child, &error));
    g_assert_cmpstr(child.program, ==, "sh");
    g_assert_false(drv_cmd_child_wait(&child, 10, &status, &error));
    assert_error_text(error, DRV_ERROR_TIMEOUT, "sh did not end within 10 ms");
    g_clear_error(&error);
    must(drv_fd_write_all(child.stdin_fd, "a line\n", 7, "to it", &error));
    must(drv_fd_read_all(child.stdout_fd, out, 100, "from it", &error));
    must(drv_fd_read_all(child.stderr_fd, err, 100, "from it", &error));
    must(drv_cmd_child_wait(&child, 10000, &status, &error));
    g_assert_cmpint(WEXITSTATUS(status), ==, 5);
    g_assert_cmpstr(out->str, ==, "got a line\n");
    g_assert_cmpstr(err->str, ==, "err\n");
}

/* One that ignores SIGTERM gets SIGKILL. */
static void
test_clear(void)
{
    g_autoptr(DrvCmd) cmd = SH("trap '' TERM; echo; while :; do sleep 1; done");
    gint64 start = g_get_monotonic_time();
    g_autoptr(GError) error = NULL;

    {
        g_auto(DrvChild) child = DRV_CHILD_INIT;
        char byte;

        must(drv_cmd_spawn(cmd, &child, &error));
        g_assert_cmpint(read(child.stdout_fd, &byte, 1), ==, 1);
    }
    g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, -1);
    g_assert_cmpint((g_get_monotonic_time() - start) / 1000, >=, 499);
}

static void
test_detach(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autofree char *fifo = g_build_filename(dir, "fifo", NULL);
    g_autoptr(DrvCmd) cmd = SH("x=$(readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2); "
                               "{ echo \"$x\"; ps -o sid= -p $$; } >fifo");
    g_autoptr(DrvCmd) missing = drv_cmd_new("/no/such/daemon", NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    g_auto(DrvFd) fd = -1;

    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    fd = open(fifo, O_RDWR | O_CLOEXEC);
    drv_cmd_cwd(cmd, dir_fd);
    must(drv_cmd_detach(cmd, &error));
    g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, -1); /* it is not ours any more */
    while (strlen(out->str) < 31 || !strchr(out->str + 31, '\n')) {
        char text[100];
        gssize got = drv_fd_read(fd, text, sizeof text, "the daemon", &error);

        g_assert_no_error(error);
        g_string_append_len(out, text, got);
    }
    g_assert_true(g_str_has_prefix(out->str, "/dev/null\n/dev/null\n/dev/null\n"));
    g_assert_cmpint((int)g_ascii_strtoll(out->str + 30, NULL, 10), !=, getsid(0));
    g_assert_false(drv_cmd_detach(missing, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_NOT_FOUND);
}

/* --- a text as input
 * --------------------------------------------------------------------
 */

static void
test_input(void)
{
    g_autoptr(DrvCmd) cat = drv_cmd_new("cat", NULL);
    g_autoptr(DrvCmd) third = drv_cmd_new("cat", "/proc/self/fd/3", NULL);
    g_autofree char *large = g_strnfill(300000, 'x');
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    must(drv_cmd_input(cat, STDIN_FILENO, large, &error));
    must(drv_cmd_capture(cat, out, 1 << 20, &error));
    g_assert_cmpstr(out->str, ==, large);
    g_string_truncate(out, 0);
    must(drv_cmd_input(third, 3, "", &error));
    must(drv_cmd_capture(third, out, 100, &error));
    g_assert_cmpstr(out->str, ==, "");
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    g_test_init(&argc, &argv, NULL);
    must(drv_cancel_init(&error));
    g_test_add_func("/cmd/argv", test_argv);
    g_test_add_func("/cmd/hostile-argv", test_hostile_argv);
    g_test_add_func("/cmd/environment", test_environment);
    g_test_add_func("/cmd/descriptors", test_descriptors);
    g_test_add_func("/cmd/swapped-descriptors", test_swapped_descriptors);
    g_test_add_func("/cmd/stdin", test_stdin);
    g_test_add_func("/cmd/cwd", test_cwd);
    for (guint i = 0; i < G_N_ELEMENTS(failures); i++) {
        g_autofree char *name = g_strconcat("/cmd/failure/", failures[i].name, NULL);

        g_test_add_data_func(name, GUINT_TO_POINTER(i), test_failure);
    }
    g_test_add_func("/cmd/exec-failures", test_exec_failures);
    g_test_add_func("/cmd/big-stderr", test_big_stderr);
    g_test_add_func("/cmd/output-limit", test_output_limit);
    g_test_add_data_func("/cmd/timeout/silent", "sleep 60", test_timeout);
    g_test_add_data_func(
        "/cmd/timeout/talking", "while echo y; do sleep 0.01; done", test_timeout);
    g_test_add_data_func(
        "/cmd/timeout/deaf", "exec >/dev/null 2>&1; sleep 60", test_timeout);
    g_test_add_func("/cmd/cancelled", test_cancelled);
    g_test_add_func("/cmd/death", test_death);
    g_test_add_func("/cmd/spawn", test_spawn);
    g_test_add_func("/cmd/clear", test_clear);
    g_test_add_func("/cmd/input", test_input);
    g_test_add_func("/cmd/detach", test_detach);
    return g_test_run();
}
