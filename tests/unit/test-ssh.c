/* SPDX-License-Identifier: Apache-2.0 */
/* Slots, sockets and command lines.  No host is called: what sshd makes of them is in
 * tests/bats/tm-connection.bats.  /run is one of our own, in a mount namespace.
 */
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "base/action.h"
#include "base/cancel.h"
#include "scratch.h"
#include "transport/ssh.h"

#define ALL (DRV_SSH_MASTERS * DRV_SSH_SESSIONS)

static char *one_home; /* with var/ and var/remotes/ */

static void
write_conf(const char *text)
{
    g_autofree char *file =
        g_build_filename(one_home, "var", "remotes", "etc", "one-native.conf", NULL);

    g_assert_true(g_file_set_contents(file, text, -1, NULL));
}

static void
must_open(DrvSsh *ssh, const char *host)
{
    g_autoptr(GError) error = NULL;

    must(drv_ssh_open(ssh, host, &error));
}

/* What ssh does when its connection is up. */
static void
make_socket(const DrvSsh *ssh)
{
    g_assert_true(g_file_set_contents(ssh->control_path, "", 0, NULL));
}

static void
assert_dir(const DrvSsh *ssh, const char *wanted)
{
    g_autofree char *directory = g_path_get_dirname(ssh->control_path);

    g_assert_cmpstr(directory, ==, wanted);
}

/* --- slots -----------------------------------------------------------------------------
 */

/* Eight sessions to a connection, five connections; then one waits. */
static void
test_slots(void)
{
    const struct timespec now = { 0, 0 };
    g_autoptr(GError) error = NULL;
    g_auto(DrvSsh) other = DRV_SSH_INIT;
    g_auto(DrvSsh) late = DRV_SSH_INIT;
    DrvSsh ssh[ALL];
    sigset_t set;

    for (guint i = 0; i < ALL; i++) {
        ssh[i] = (DrvSsh)DRV_SSH_INIT;
        must_open(&ssh[i], "slots");
        g_assert_cmpuint(ssh[i].master, ==, i / DRV_SSH_SESSIONS);
        g_assert_cmpint(ssh[i].opening, ==, i % DRV_SSH_SESSIONS == 0);
        g_assert_cmpint(drv_ssh_is_reused(&ssh[i]), ==, !ssh[i].opening);
        make_socket(&ssh[i]);
        drv_ssh_established(&ssh[i]);
    }
    must_open(&other, "slots2"); /* another host has its own */
    g_assert_cmpuint(other.master, ==, 0);
    g_assert_cmpstr(other.control_path, !=, ssh[0].control_path);
    raise(SIGTERM);
    g_assert_false(drv_ssh_open(&late, "slots", &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_CANCELLED);
    g_clear_error(&error);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    g_assert_cmpint(sigtimedwait(&set, NULL, &now), ==, SIGTERM);
    drv_ssh_clear(&late);
    drv_ssh_clear(&ssh[19]);
    must_open(&late, "slots");
    g_assert_cmpuint(late.master, ==, 19 / DRV_SSH_SESSIONS);
    for (guint i = 0; i < ALL; i++)
        drv_ssh_clear(&ssh[i]);
}

/* Whoever comes while a connection is being opened waits for it, then shares it. */
static void
test_opening(void)
{
    g_auto(DrvSsh) first = DRV_SSH_INIT;
    g_auto(DrvSsh) second = DRV_SSH_INIT;
    g_auto(DrvSsh) third = DRV_SSH_INIT;
    g_autoptr(GError) error = NULL;

    write_conf("SSH_CONNECT_TIMEOUT=1\n");
    must_open(&first, "opening");
    g_assert_true(first.opening);
    g_assert_false(drv_ssh_open(&second, "opening", &error));
    assert_error_text(error, DRV_ERROR_BUSY, "all connections to opening have been busy");
    drv_ssh_clear(&second);
    make_socket(&first);
    drv_ssh_established(&first);
    must_open(&second, "opening");
    g_assert_false(second.opening);
    g_assert_true(drv_ssh_is_reused(&second));
    drv_ssh_forget(&second); /* dead: the next opens one, and nobody minds twice */
    drv_ssh_forget(&second);
    g_assert_false(drv_ssh_is_reused(&first));
    must_open(&third, "opening");
    g_assert_true(third.opening);
    write_conf("");
}

/* Without a socket, because ssh was told otherwise, each opens one, one after another. */
static void
test_no_socket(void)
{
    g_auto(DrvSsh) first = DRV_SSH_INIT;
    g_auto(DrvSsh) second = DRV_SSH_INIT;

    must_open(&first, "no-socket");
    drv_ssh_established(&first);
    must_open(&second, "no-socket");
    g_assert_true(second.opening);
}

static gpointer
establish(gpointer data)
{
    make_socket(data);
    drv_ssh_established(data);
    return NULL;
}

static void
test_waits(void)
{
    for (guint i = 0; i < 20; i++) {
        g_autofree char *host = g_strdup_printf("waits%u", i);
        g_auto(DrvSsh) first = DRV_SSH_INIT;
        g_auto(DrvSsh) second = DRV_SSH_INIT;
        GThread *thread;

        must_open(&first, host);
        thread = g_thread_new("establish", establish, &first);
        must_open(&second, host);
        g_thread_join(thread);
        g_assert_false(second.opening);
        g_assert_true(drv_ssh_is_reused(&second));
    }
}

/* Nothing has to be given back by the dead. */
static void
test_death(void)
{
    g_auto(DrvSsh) ssh = DRV_SSH_INIT;
    int ready[2];
    char byte;
    pid_t pid;

    g_assert_cmpint(pipe(ready), ==, 0);
    pid = fork();
    if (pid == 0) {
        DrvSsh theirs = DRV_SSH_INIT;

        must_open(&theirs, "death");
        if (!theirs.opening || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    close(ready[0]);
    close(ready[1]);
    kill(pid, SIGKILL);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    must_open(&ssh, "death");
    g_assert_true(ssh.opening);
    g_assert_cmpuint(ssh.master, ==, 0);
}

/* --- where the sockets are -------------------------------------------------------------
 */

static void
test_dir(void)
{
    g_autofree char *user = g_strdup_printf("/run/user/%d", (int)geteuid());
    g_autofree char *in_user = g_build_filename(user, "drv-ssh", NULL);
    g_autofree char *in_var = g_build_filename(one_home, "var", ".drv-ssh", NULL);
    const char *const directories[] = { in_var, in_user, "/run/one/drv-ssh" };
    const char *const parents[] = { NULL, user, "/run/one" };
    struct stat info;

    for (guint i = 0; i < G_N_ELEMENTS(directories); i++) {
        g_auto(DrvSsh) ssh = DRV_SSH_INIT;

        if (parents[i])
            g_assert_cmpint(g_mkdir_with_parents(parents[i], 0755), ==, 0);
        must_open(&ssh, "directory");
        assert_dir(&ssh, directories[i]);
        g_assert_cmpint(stat(directories[i], &info), ==, 0);
        g_assert_cmpuint(info.st_mode & 0777, ==, 0700);
        g_assert_cmpuint(strlen(ssh.control_path) - strlen(directories[i]), <, 24);
    }
    /* None that others could put sockets in, or that is somewhere else. */
    g_assert_cmpint(g_chmod(directories[2], 0770), ==, 0);
    g_assert_cmpint(g_rename(directories[1], "/run/elsewhere"), ==, 0);
    g_assert_cmpint(symlink("/run/elsewhere", directories[1]), ==, 0);
    for (guint i = 0; i < 2; i++) {
        g_auto(DrvSsh) ssh = DRV_SSH_INIT;

        must_open(&ssh, "directory");
        if (i == 0) {
            assert_dir(&ssh, in_var);
            g_assert_cmpint(g_chmod(in_var, 0701), ==, 0);
        } else {
            g_assert_false(ssh.multiplex);
            g_assert_null(ssh.control_path);
            g_assert_cmpint(ssh.lock_fd, ==, -1);
            g_assert_false(drv_ssh_is_reused(&ssh));
            drv_ssh_forget(&ssh);
            drv_ssh_established(&ssh);
        }
    }
    g_assert_cmpint(g_chmod(in_var, 0700), ==, 0);
    g_assert_cmpint(g_remove(directories[1]), ==, 0);
    g_assert_cmpint(g_remove(parents[1]), ==, 0);
    g_assert_cmpint(g_rename(parents[2], "/run/two"), ==, 0);
}

/* --- settings and command lines --------------------------------------------------------
 */

#define ALWAYS "-o ServerAliveInterval=15 -o ServerAliveCountMax=3"

static const struct {
    const char *name;
    const char *conf;
    const char *program;
    const char *batch;
    const char *wanted; /* SOCKET stands for its path */
} commands[] = {
    { "default",
      "",
      "ssh",
      NULL,
      "ssh -o BatchMode=yes -o ConnectTimeout=10 " ALWAYS
      " -o ControlMaster=auto -o ControlPersist=60 -o ControlPath=SOCKET -- h1" },
    { "settings",
      "SSH_PERSIST=7\nSSH_CONNECT_TIMEOUT=3\n",
      "sftp",
      "/dev/fd/5",
      "sftp -o BatchMode=yes -o ConnectTimeout=3 " ALWAYS
      " -o ControlMaster=auto -o ControlPersist=7 -o ControlPath=SOCKET"
      " -b /dev/fd/5 -- h1" },
    { "alone",
      "SSH_MULTIPLEX=no\nSSH_CONNECT_TIMEOUT=0\n",
      "ssh",
      NULL,
      "ssh -o BatchMode=yes -o ConnectTimeout=1 " ALWAYS " -- h1" },
    { "large",
      "SSH_PERSIST=99999999999\nSSH_CONNECT_TIMEOUT=99999\n",
      "ssh",
      NULL,
      "ssh -o BatchMode=yes -o ConnectTimeout=600 " ALWAYS
      " -o ControlMaster=auto -o ControlPersist=2147483647 -o ControlPath=SOCKET"
      " -- h1" },
};

static void
test_command(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_auto(DrvSsh) ssh = DRV_SSH_INIT;
    g_autoptr(DrvCmd) cmd = NULL;
    g_autofree char *line = NULL;
    g_autoptr(GString) shown = NULL;

    write_conf(commands[i].conf);
    must_open(&ssh, "h1");
    cmd = drv_ssh_cmd(&ssh, commands[i].program, commands[i].batch);
    line = g_strjoinv(" ", (char **)drv_cmd_argv(cmd));
    shown = g_string_new(line);
    if (ssh.control_path)
        g_string_replace(shown, ssh.control_path, "SOCKET", 0);
    g_assert_cmpstr(shown->str, ==, commands[i].wanted);
    write_conf("");
}

static void
test_bad_settings(void)
{
    static const char *const bad[] = { "SSH_MULTIPLEX=perhaps\n",
                                       "SSH_PERSIST=-1\n",
                                       "SSH_CONNECT_TIMEOUT=1s\n" };

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_auto(DrvSsh) ssh = DRV_SSH_INIT;
        g_autoptr(GError) error = NULL;

        write_conf(bad[i]);
        g_assert_false(drv_ssh_open(&ssh, "h1", &error));
        g_assert_error(error, DRV_ERROR, DRV_ERROR_CONFIG);
    }
    write_conf("");
}

static void
test_bad_hosts(void)
{
    static const char *const bad[] = {
        "",    "-oProxyCommand=id", ".",    "a b", "a\nb", "$(id)", "a;b",
        "h/x", "host:22",           "[::1]"
    };

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_auto(DrvSsh) ssh = DRV_SSH_INIT;
        g_autoptr(GError) error = NULL;

        g_assert_false(drv_ssh_open(&ssh, bad[i], &error));
        assert_error_text(error, DRV_ERROR_USAGE, "not a host name");
    }
}

/* --- a machine of our own --------------------------------------------------------------
 */

static void
write_proc(const char *file, const char *text)
{
    g_auto(DrvFd) fd = open(file, O_WRONLY | O_CLOEXEC);

    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
}

/* /run without what is in it; also for those who are not root. */
static void
own_run(void)
{
    g_autofree char *users = g_strdup_printf("%d %d 1", (int)geteuid(), (int)geteuid());

    if (unshare(CLONE_NEWNS) < 0) {
        g_assert_cmpint(unshare(CLONE_NEWNS | CLONE_NEWUSER), ==, 0);
        write_proc("/proc/self/uid_map", users);
    }
    g_assert_cmpint(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), ==, 0);
    g_assert_cmpint(mount("none", "/run", "tmpfs", 0, "mode=755"), ==, 0);
}

static void
own_home(void)
{
    g_autofree char *self = NULL;
    g_autofree char *etc = NULL;

    one_home = scratch_new();
    g_setenv("ONE_LOCATION", one_home, TRUE);
    etc = g_build_filename(one_home, "var", "remotes", "etc", NULL);
    self = g_build_filename(one_home, "var", "remotes", "tm", "qcow2", "clone", NULL);
    g_assert_cmpint(g_mkdir_with_parents(etc, 0755), ==, 0);
    drv_action_init(1, &self);
    write_conf("");
}

int
main(int argc, char **argv)
{
    int status;

    own_run();
    g_test_init(&argc, &argv, NULL);
    own_home();
    g_test_add_func("/ssh/directory", test_dir);
    g_test_add_func("/ssh/slots", test_slots);
    g_test_add_func("/ssh/opening", test_opening);
    g_test_add_func("/ssh/no-socket", test_no_socket);
    g_test_add_func("/ssh/waits", test_waits);
    g_test_add_func("/ssh/death", test_death);
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_autofree char *name = g_strconcat("/ssh/command/", commands[i].name, NULL);

        g_test_add_data_func(name, GUINT_TO_POINTER(i), test_command);
    }
    g_test_add_func("/ssh/bad-settings", test_bad_settings);
    g_test_add_func("/ssh/bad-hosts", test_bad_hosts);
    status = g_test_run();
    scratch_remove(one_home);
    return status;
}
