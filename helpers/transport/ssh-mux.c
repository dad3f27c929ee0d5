/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/ssh-mux.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"

#define VERSION 4
#define HELLO 0x00000001U
#define NEW_SESSION 0x10000002U
#define PERMISSION_DENIED 0x80000002U
#define FAILURE 0x80000003U
#define EXIT_MESSAGE 0x80000004U
#define SESSION_OPENED 0x80000006U

#define NO_ESCAPE 0xffffffffU
#define REQUEST_ID 0
#define ANSWER_MAX 4096U /* a reason is a sentence */
#define LOST_STATUS (255 << 8)

/* --- what we say: a size, a type, numbers and strings, big-endian ----------------------
 */

static void
put_u32(GByteArray *out, guint32 value)
{
    guint32 wire = GUINT32_TO_BE(value);

    g_byte_array_append(out, (const guint8 *)&wire, sizeof wire);
}

static void
put_string(GByteArray *out, const char *text)
{
    gsize size = strlen(text);

    put_u32(out, (guint32)size);
    g_byte_array_append(out, (const guint8 *)text, (guint)size);
}

static void
put_message(GByteArray *out, const GByteArray *message)
{
    put_u32(out, message->len);
    g_byte_array_append(out, message->data, message->len);
}

static GByteArray *
pack_request(const char *command)
{
    static const guint32 no_tty_x11_agent_subsystem[] = { 0, 0, 0, 0 };
    g_autoptr(GByteArray) hello = g_byte_array_new();
    g_autoptr(GByteArray) session = g_byte_array_new();
    GByteArray *out = g_byte_array_new();

    put_u32(hello, HELLO);
    put_u32(hello, VERSION);
    put_message(out, hello);
    put_u32(session, NEW_SESSION);
    put_u32(session, REQUEST_ID);
    put_string(session, ""); /* reserved */
    for (guint i = 0; i < G_N_ELEMENTS(no_tty_x11_agent_subsystem); i++)
        put_u32(session, no_tty_x11_agent_subsystem[i]);
    put_u32(session, NO_ESCAPE);
    put_string(session, ""); /* terminal */
    put_string(session, command);
    put_message(out, session);
    return out;
}

/* A descriptor travels with one byte of its own. */
static gboolean
send_fd(int control, int fd)
{
    char byte = 0;
    struct iovec data = { &byte, 1 };
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } attached = { 0 };
    struct msghdr message = { .msg_iov = &data,
                              .msg_iovlen = 1,
                              .msg_control = attached.space,
                              .msg_controllen = sizeof attached.space };

    attached.header.cmsg_level = SOL_SOCKET;
    attached.header.cmsg_type = SCM_RIGHTS;
    attached.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&attached.header), &fd, sizeof fd);
    return sendmsg(control, &message, MSG_NOSIGNAL) == 1;
}

/* All of it fits into an empty socket; a master whose socket is full does not read. */
static gboolean
send_request(int control, const char *command, const int fds[3], GError **error)
{
    g_autoptr(GByteArray) request = pack_request(command);
    gssize sent = send(control, request->data, request->len, MSG_NOSIGNAL);
    gboolean ok = sent == (gssize)request->len;

    for (int i = 0; i < 3 && ok; i++)
        ok = send_fd(control, fds[i]);
    if (ok)
        return TRUE;
    return drv_throw(error,
                     DRV_ERROR_REMOTE,
                     "the ssh master refused a session: %s",
                     g_strerror(errno));
}

static int
connect_to(const char *path, GError **error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    g_auto(DrvFd) control =
        socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    errno = ENAMETOOLONG;
    if (control >= 0 &&
        g_strlcpy(address.sun_path, path, sizeof address.sun_path) <
            sizeof address.sun_path &&
        connect(control, (const struct sockaddr *)&address, sizeof address) == 0)
        return drv_fd_steal(&control);
    (void)drv_throw(
        error, DRV_ERROR_REMOTE, "no ssh master at '%s': %s", path, g_strerror(errno));
    return -1;
}

gboolean
drv_ssh_mux_start(
    const char *path, const char *command, DrvChild *child, int *control, GError **error)
{
    int theirs[3];
    g_auto(DrvFd) master = connect_to(path, error);
    gboolean ok;

    if (master < 0 || !drv_cmd_child_pipes(child, theirs, error))
        return FALSE;
    drv_debug("run '%s' over '%s'", command, path);
    ok = send_request(master, command, theirs, error);
    for (int i = 0; i < 3; i++)
        drv_fd_close_one(theirs[i]);
    if (!ok) {
        drv_cmd_child_clear(child);
        return FALSE;
    }
    child->program = g_strdup("ssh");
    *control = drv_fd_steal(&master);
    return TRUE;
}

/* --- what the master says --------------------------------------------------------------
 */

/* Exactly @size bytes, or fewer at the end of the stream. */
static gboolean
read_fully(int fd, gint64 end, guint8 *data, gsize size, gsize *got, GError **error)
{
    for (*got = 0; *got < size;) {
        gint64 left_ms = MAX((end - g_get_monotonic_time()) / 1000, 0);
        struct pollfd input = { .fd = fd, .events = POLLIN };
        int ready = drv_poll(&input, 1, (int)left_ms, error);
        gssize now;

        if (ready < 0)
            return FALSE;
        if (ready == 0)
            return drv_throw(
                error, DRV_ERROR_TIMEOUT, "the ssh master returned no exit status");
        now = read(fd, data + *got, size - *got);
        if (now <= 0)
            return TRUE; /* a connection that is reset has ended, too */
        *got += (gsize)now;
    }
    return TRUE;
}

static guint32
get_u32(const guint8 *data)
{
    guint32 wire;

    memcpy(&wire, data, sizeof wire);
    return GUINT32_FROM_BE(wire);
}

/* The next message without its size; empty at the end of the stream. */
static gboolean
read_message(int fd, gint64 end, GByteArray *message, GError **error)
{
    guint8 head[4];
    guint32 size = 0;
    gsize got;

    g_byte_array_set_size(message, 0);
    if (!read_fully(fd, end, head, sizeof head, &got, error))
        return FALSE;
    if (got == sizeof head)
        size = get_u32(head);
    if (size == 0)
        return TRUE;
    if (size < 4 || size > ANSWER_MAX)
        return drv_throw(
            error, DRV_ERROR_REMOTE, "the control socket does not belong to ssh");
    g_byte_array_set_size(message, size);
    if (!read_fully(fd, end, message->data, size, &got, error))
        return FALSE;
    if (got < size)
        g_byte_array_set_size(message, 0);
    return TRUE;
}

/* Type, request, and a string. */
static gboolean
throw_refusal(const GByteArray *message, GError **error)
{
    guint32 size = message->len >= 12 ? get_u32(message->data + 8) : 0;
    g_autofree char *text = NULL;
    g_autofree char *shown = NULL;

    if (size > 0 && size <= message->len - 12)
        text = g_strndup((const char *)message->data + 12, size);
    shown = drv_log_escape(text ? text : "no reason");
    return drv_throw(
        error, DRV_ERROR_REMOTE, "the ssh master refused the session: %s", shown);
}

gboolean
drv_ssh_mux_wait(int control, guint timeout_ms, int *status, GError **error)
{
    gint64 end = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    g_autoptr(GByteArray) message = g_byte_array_new();

    for (;;) {
        guint32 type;

        if (!read_message(control, end, message, error))
            return FALSE;
        type = message->len > 0 ? get_u32(message->data) : 0;
        if (type == PERMISSION_DENIED || type == FAILURE)
            return throw_refusal(message, error);
        if (type == EXIT_MESSAGE && message->len >= 12) {
            *status = (int)(get_u32(message->data + 8) & 0xff) << 8;
            return TRUE;
        }
        if (message->len == 0) {
            *status = LOST_STATUS;
            return TRUE;
        }
        /* hello, or that the session is open: the worker will speak */
    }
}
