/* SPDX-License-Identifier: Apache-2.0 */
/* A master of our own on a socket says right and wrong things.  What a real one says is
 * in tests/bats/tm-connection.bats.
 */
#include "transport/ssh-mux.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "scratch.h"

#define LONG_MS 60000

/* A message of words, which are numbers in host order here and big-endian on the wire. */
#define SAY(fd, ...)                                                                     \
    do {                                                                                 \
        const guint32 words[] = { __VA_ARGS__ };                                         \
        say((fd), words, G_N_ELEMENTS(words));                                           \
    } while (0)

typedef struct {
    Scratch *dir;
    char *path;
    int listener;
    void (*act)(int fd);
    GThread *thread;
} Master;

static void
say(int fd, const guint32 *words, gsize n)
{
    for (gsize i = 0; i < n; i++) {
        guint32 wire = GUINT32_TO_BE(words[i]);

        g_assert_cmpint(write(fd, &wire, 4), ==, 4);
    }
}

static gpointer
serve(gpointer data)
{
    Master *master = data;
    g_auto(DrvFd) fd = accept4(master->listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd >= 0 && master->act)
        master->act(fd);
    return NULL;
}

static int
listen_at(const char *path, int queue)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(fd, queue), ==, 0);
    return fd;
}

static void
master_start(Master *master, void (*act)(int fd))
{
    master->dir = scratch_new();
    master->path = g_build_filename(master->dir, "control", NULL);
    master->act = act;
    master->listener = listen_at(master->path, 1);
}

/* Once all has been asked: a master that ends earlier takes no session. */
static void
master_answer(Master *master)
{
    master->thread = g_thread_new("master", serve, master);
}

static void
master_end(Master *master)
{
    shutdown(master->listener, SHUT_RDWR);
    g_thread_join(master->thread);
    drv_fd_close_one(master->listener);
    g_free(master->path);
    scratch_remove(master->dir);
}

/* --- what we ask -----------------------------------------------------------------------
 */

static int
receive_fd(int fd)
{
    char byte;
    struct iovec data = { &byte, 1 };
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } attached;
    struct msghdr message = { .msg_iov = &data,
                              .msg_iovlen = 1,
                              .msg_control = attached.space,
                              .msg_controllen = sizeof attached.space };
    int got;

    g_assert_cmpint(recvmsg(fd, &message, MSG_CMSG_CLOEXEC), ==, 1);
    g_assert_cmpint(attached.header.cmsg_type, ==, SCM_RIGHTS);
    memcpy(&got, CMSG_DATA(&attached.header), sizeof got);
    return got;
}

/* A hello and a request for "echo 'it'" as PROTOCOL.mux has them, byte by byte. */
static void
take_request(int fd, int fds[3])
{
    static const char asked[] = "\0\0\0\10"
                                "\0\0\0\1\0\0\0\4"
                                "\0\0\0\70"
                                "\20\0\0\2\0\0\0\0\0\0\0\0"
                                "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                "\377\377\377\377\0\0\0\0"
                                "\0\0\0\11"
                                "echo 'it'";
    char got[sizeof asked - 1] = { 0 };

    g_assert_cmpint(recv(fd, got, sizeof got, MSG_WAITALL), ==, sizeof got);
    got[15] = asked[15]; /* the size is checked by itself */
    g_assert_cmpmem(got, sizeof got, asked, sizeof asked - 1);
    for (int i = 0; i < 3; i++)
        fds[i] = receive_fd(fd);
}

static void
hang_up(int fds[3])
{
    for (int i = 0; i < 3; i++)
        drv_fd_close_one(fds[i]);
}

static void
act_session(int fd)
{
    char word[3];
    int fds[3];

    take_request(fd, fds);
    SAY(fd, 8, 1, 4, 12, 0x80000006U, 0, 77);
    g_assert_cmpint(read(fds[0], word, 3), ==, 3);
    g_assert_cmpint(write(fds[1], word, 3), ==, 3);
    g_assert_cmpint(write(fds[2], "sorry", 5), ==, 5);
    hang_up(fds);
    SAY(fd, 12, 0x80000004U, 77, 7);
}

static void
assert_reads(int fd, const char *text)
{
    char got[64] = { 0 };

    g_assert_cmpint(read(fd, got, sizeof got - 1), ==, (gssize)strlen(text));
    g_assert_cmpstr(got, ==, text);
    g_assert_cmpint(read(fd, got, sizeof got), ==, 0);
}

static void
test_session(void)
{
    g_auto(DrvChild) child = DRV_CHILD_INIT;
    g_auto(DrvFd) control = -1;
    g_autoptr(GError) error = NULL;
    Master master;
    int status = -1;

    master_start(&master, act_session);
    must(drv_ssh_mux_start(master.path, "echo 'it'", &child, &control, &error));
    master_answer(&master);
    g_assert_cmpint(child.pid, ==, 0);
    g_assert_cmpint(write(child.stdin_fd, "abc", 3), ==, 3);
    assert_reads(child.stdout_fd, "abc");
    assert_reads(child.stderr_fd, "sorry");
    must(drv_ssh_mux_wait(control, LONG_MS, &status, &error));
    g_assert_cmpint(WIFEXITED(status) ? WEXITSTATUS(status) : -1, ==, 7);
    master_end(&master);
}

/* --- what goes wrong -------------------------------------------------------------------
 */

static void
act_refuse(int fd)
{
    int fds[3];

    take_request(fd, fds);
    hang_up(fds);
    SAY(fd, 8, 1, 4, 16, 0x80000003U, 0, 4);
    g_assert_cmpint(write(fd, "no\n!", 4), ==, 4);
}

static void
act_deny_without_reason(int fd)
{
    SAY(fd, 8, 0x80000002U, 0);
}

static void
act_lie_about_the_reason(int fd)
{
    SAY(fd, 12, 0x80000002U, 0, 0xfffffff0U);
}

static void
act_lose(int fd)
{
    int fds[3];

    take_request(fd, fds);
    hang_up(fds);
    SAY(fd, 8, 1, 4);
}

static void
act_lose_half_a_message(int fd)
{
    SAY(fd, 12, 0x80000004U);
}

static void
act_promise_much(int fd)
{
    SAY(fd, 0x7fffffffU, 1);
}

static void
act_speak_another_language(int fd)
{
    g_assert_cmpint(write(fd, "SSH-2.0-none\r\n", 14), ==, 14);
}

static const struct {
    const char *name;
    void (*act)(int fd);
    const char *why; /* NULL: the session counts as lost, which is exit 255 */
} wrongs[] = {
    { "refused", act_refuse, "refused the session: no\\x0a!" },
    { "denied", act_deny_without_reason, "refused the session: no reason" },
    { "lying", act_lie_about_the_reason, "refused the session: no reason" },
    { "lost", act_lose, NULL },
    { "cut", act_lose_half_a_message, NULL },
    { "silent", NULL, NULL },
    { "promising", act_promise_much, "does not belong to ssh" },
    { "foreign", act_speak_another_language, "does not belong to ssh" },
};

static void
test_wrong(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_auto(DrvChild) child = DRV_CHILD_INIT;
    g_auto(DrvFd) control = -1;
    g_autoptr(GError) error = NULL;
    Master master;
    int status = 0;

    master_start(&master, wrongs[i].act);
    must(drv_ssh_mux_start(master.path, "echo 'it'", &child, &control, &error));
    master_answer(&master);
    if (wrongs[i].why) {
        g_assert_false(drv_ssh_mux_wait(control, LONG_MS, &status, &error));
        assert_error_text(error, DRV_ERROR_REMOTE, wrongs[i].why);
    } else {
        must(drv_ssh_mux_wait(control, LONG_MS, &status, &error));
        g_assert_cmpint(status, ==, 255 << 8);
    }
    master_end(&master);
}

/* Nobody accepts: a master that is stopped, say. */
static void
test_hanging(void)
{
    g_auto(DrvChild) child = DRV_CHILD_INIT;
    g_auto(DrvFd) control = -1;
    g_autoptr(GError) error = NULL;
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *path = g_build_filename(dir, "control", NULL);
    g_auto(DrvFd) listener = listen_at(path, 0);
    int status;

    g_assert_cmpint(listener, >=, 0);
    must(drv_ssh_mux_start(path, "true", &child, &control, &error));
    g_assert_false(drv_ssh_mux_wait(control, 20, &status, &error));
    assert_error_text(error, DRV_ERROR_TIMEOUT, "returned no exit status");
    g_clear_error(&error);
    for (int i = 0; i < 3 && error == NULL; i++) { /* and its queue is full in the end */
        g_auto(DrvChild) more = DRV_CHILD_INIT;
        int socket = -1;

        if (drv_ssh_mux_start(path, "true", &more, &socket, &error))
            drv_fd_close_one(socket);
    }
    assert_error_text(error, DRV_ERROR_REMOTE, "no ssh master at");
}

static void
test_nobody(void)
{
    g_auto(DrvChild) child = DRV_CHILD_INIT;
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *path = g_build_filename(dir, "control", NULL);
    g_autofree char *filler = g_strnfill(120, 'x');
    g_autofree char *long_path = g_build_filename(dir, filler, NULL);
    g_autoptr(GError) error = NULL;
    int control = -1;

    g_assert_false(drv_ssh_mux_start(path, "true", &child, &control, &error));
    assert_error_text(error, DRV_ERROR_REMOTE, "No such file or directory");
    g_clear_error(&error);
    drv_fd_close_one(scratch_open(dir, "control"));
    g_assert_false(drv_ssh_mux_start(path, "true", &child, &control, &error));
    assert_error_text(error, DRV_ERROR_REMOTE, "Connection refused");
    g_clear_error(&error);
    g_assert_false(drv_ssh_mux_start(long_path, "true", &child, &control, &error));
    assert_error_text(error, DRV_ERROR_REMOTE, "File name too long");
    g_assert_cmpint(control, ==, -1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mux/session", test_session);
    for (guint i = 0; i < G_N_ELEMENTS(wrongs); i++) {
        g_autofree char *path = g_strconcat("/mux/wrong/", wrongs[i].name, NULL);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_wrong);
    }
    g_test_add_func("/mux/hanging", test_hanging);
    g_test_add_func("/mux/nobody", test_nobody);
    return g_test_run();
}
