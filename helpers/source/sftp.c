/* SPDX-License-Identifier: Apache-2.0 */
#include "source/sftp.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "base/cancel.h"
#include "base/fd.h"
#include "base/log.h"
#include "source/source.h"

#define VERSION 3
#define MAX_PACKET 262144
#define MAX_STDERR 4096
#define MAX_PATH 4096
#define EXIT_MS 5000

enum {
    SFTP_INIT = 1,
    SFTP_VERSION = 2,
    SFTP_OPEN = 3,
    SFTP_FSTAT = 8,
    SFTP_REALPATH = 16,
    SFTP_HANDLE = 102,
    SFTP_NAME = 104,
    SFTP_ATTRS = 105,
};
enum { STATUS_NO_SUCH_FILE = 2, STATUS_DENIED = 3 };
enum { ATTR_SIZE = 1, ATTR_OWNER = 2, ATTR_MODE = 4 };

void
drv_sftp_clear(DrvSftp *sftp)
{
    drv_cmd_child_clear(&sftp->child);
    drv_fd_close_one(sftp->wake_fd);
    g_byte_array_unref(sftp->input);
    g_byte_array_unref(sftp->handle);
    g_string_free(sftp->said, TRUE);
    g_free(sftp->name);
}

void
drv_sftp_interrupt(DrvSftp *sftp)
{
    guint64 one = 1;

    (void)!write(sftp->wake_fd, &one, sizeof one);
}

gboolean
drv_sftp_throw(const DrvSftp *sftp, DrvErrorCode code, const char *reason, GError **error)
{
    return drv_throw(error, code, "cannot fetch '%s': %s", sftp->name, reason);
}

/* --- bytes to and from ssh ---------------------------------------------------------- */

static void
note_stderr(DrvSftp *sftp)
{
    char buffer[1024];
    gssize got = read(sftp->child.stderr_fd, buffer, sizeof buffer);

    if (got > 0)
        g_string_append_len(sftp->said, buffer, got);
    if (sftp->said->len > MAX_STDERR)
        g_string_erase(sftp->said, 0, (gssize)(sftp->said->len - MAX_STDERR));
    if (got == 0) {
        drv_fd_close_one(sftp->child.stderr_fd);
        sftp->child.stderr_fd = -1; /* poll passes over it */
    }
}

static gboolean
wait_readable(int fd)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };

    return drv_poll(&one, 1, EXIT_MS, NULL) > 0;
}

/* ssh closed its stdout: its status and last words say why. */
static gboolean
throw_end(DrvSftp *sftp, GError **error)
{
    int status = 0;

    /* Its descriptor is at its end, or will be when it exits. */
    while (sftp->child.stderr_fd >= 0 && wait_readable(sftp->child.stderr_fd))
        note_stderr(sftp);
    if (!drv_cmd_child_wait(&sftp->child, EXIT_MS, &status, error) ||
        !drv_cmd_check("ssh", status, sftp->said->str, error))
        return drv_prefix(error, "cannot fetch '%s'", sftp->name);
    return drv_sftp_throw(sftp, DRV_ERROR_FAILED, "ssh ended the connection", error);
}

/* Have at least @size bytes in the input. */
static gboolean
need_input(DrvSftp *sftp, guint size, GError **error)
{
    while (sftp->input->len < size) {
        struct pollfd fds[] = { { .fd = sftp->child.stdout_fd, .events = POLLIN },
                                { .fd = sftp->child.stderr_fd, .events = POLLIN },
                                { .fd = sftp->wake_fd, .events = POLLIN } };
        int ready = drv_poll(fds, 3, (int)sftp->stall_ms, error);
        guint had = sftp->input->len;
        gssize got;

        if (ready < 0)
            return FALSE;
        if (ready == 0)
            return drv_sftp_throw(sftp, DRV_ERROR_TIMEOUT, "no answer from ssh", error);
        if (fds[2].revents)
            return drv_throw(error, DRV_ERROR_CANCELLED, "cancelled");
        if (fds[1].revents)
            note_stderr(sftp);
        if (!fds[0].revents)
            continue;
        g_byte_array_set_size(sftp->input, size);
        got = read(sftp->child.stdout_fd, sftp->input->data + had, size - had);
        g_byte_array_set_size(sftp->input, had + (guint)MAX(got, 0));
        if (got == 0)
            return throw_end(sftp, error);
        if (got < 0 && errno != EINTR && errno != EAGAIN)
            return drv_sftp_throw(sftp, DRV_ERROR_FAILED, "cannot read from ssh", error);
    }
    return TRUE;
}

guint64
drv_sftp_number(const guint8 *at, guint size)
{
    guint64 value = 0;

    for (guint i = 0; i < size; i++)
        value = value << 8 | at[i];
    return value;
}

/* Receive a packet: @body is what follows the length, owned by the input. */
gboolean
drv_sftp_receive(DrvSftp *sftp, const guint8 **body, guint *size, GError **error)
{
    g_byte_array_set_size(sftp->input, 0);
    if (!need_input(sftp, 4, error))
        return FALSE;
    *size = (guint)drv_sftp_number(sftp->input->data, 4);
    if (*size < 5 || *size > MAX_PACKET)
        return drv_sftp_throw(
            sftp, DRV_ERROR_FAILED, "the answer is not from an sftp server", error);
    if (!need_input(sftp, 4 + *size, error))
        return FALSE;
    *body = sftp->input->data + 4;
    return TRUE;
}

void
drv_sftp_put_number(GByteArray *packet, guint64 value, guint size)
{
    while (size-- > 0) {
        guint8 byte = (guint8)(value >> (8 * size));

        g_byte_array_append(packet, &byte, 1);
    }
}

void
drv_sftp_put_string(GByteArray *packet, gconstpointer data, gsize size)
{
    drv_sftp_put_number(packet, size, 4);
    g_byte_array_append(packet, data, (guint)size);
}

/* A packet of @type and @id, to which its fields are added. */
GByteArray *
drv_sftp_packet(guint8 type, guint32 id)
{
    GByteArray *packet = g_byte_array_new();

    drv_sftp_put_number(packet, 0, 4); /* the length, by drv_sftp_transmit() */
    drv_sftp_put_number(packet, type, 1);
    drv_sftp_put_number(packet, id, 4);
    return packet;
}

gboolean
drv_sftp_transmit(DrvSftp *sftp, GByteArray *packet, GError **error)
{
    guint size = packet->len - 4;

    for (guint i = 0; i < 4; i++)
        packet->data[i] = (guint8)(size >> (24 - 8 * i));
    if (drv_fd_write_all(sftp->child.stdin_fd, packet->data, packet->len, "to ssh", NULL))
        return TRUE;
    return drv_cancel_check(error) && throw_end(sftp, error);
}

/* --- the conversation --------------------------------------------------------------- */

gboolean
drv_sftp_throw_status(const DrvSftp *sftp, const guint8 *body, guint size, GError **error)
{
    guint64 status = size >= 9 ? drv_sftp_number(body + 5, 4) : 0;
    guint64 length = size >= 13 ? drv_sftp_number(body + 9, 4) : 0;
    g_autofree char *text = NULL;
    g_autofree char *shown = NULL;

    if (status == STATUS_NO_SUCH_FILE)
        return drv_sftp_throw(
            sftp, DRV_ERROR_NOT_FOUND, "No such file or directory", error);
    if (status == STATUS_DENIED)
        return drv_sftp_throw(sftp, DRV_ERROR_PERMISSION, "Permission denied", error);
    text =
        g_strndup(length <= size - 13 && length > 0 ? (const char *)body + 13 : "failure",
                  length > 0 && length <= size - 13 ? MIN(length, 200) : 7);
    shown = drv_log_escape(text);
    return drv_sftp_throw(sftp, DRV_ERROR_FAILED, shown, error);
}

/* Send @packet and have its answer, of @type; STATUS is thrown. */
static gboolean
ask(DrvSftp *sftp,
    GByteArray *packet,
    guint8 type,
    const guint8 **body,
    guint *size,
    GError **error)
{
    if (!drv_sftp_transmit(sftp, packet, error) ||
        !drv_sftp_receive(sftp, body, size, error))
        return FALSE;
    if ((*body)[0] == DRV_SFTP_STATUS)
        return drv_sftp_throw_status(sftp, *body, *size, error);
    if ((*body)[0] != type)
        return drv_sftp_throw(
            sftp, DRV_ERROR_FAILED, "the answer is not from an sftp server", error);
    return TRUE;
}

gboolean
drv_sftp_open(DrvSftp *sftp, const char *path, GError **error)
{
    g_autoptr(GByteArray) packet = drv_sftp_packet(SFTP_OPEN, ++sftp->last_id);
    const guint8 *body;
    guint size;

    drv_sftp_put_string(packet, path, strlen(path));
    drv_sftp_put_number(packet, 1, 4); /* for reading */
    drv_sftp_put_number(packet, 0, 4); /* no attributes */
    if (!ask(sftp, packet, SFTP_HANDLE, &body, &size, error))
        return FALSE;
    if (size < 9 || drv_sftp_number(body + 5, 4) > size - 9)
        return drv_sftp_throw(sftp, DRV_ERROR_FAILED, "invalid answer", error);
    g_byte_array_append(sftp->handle, body + 9, (guint)drv_sftp_number(body + 5, 4));
    return TRUE;
}

gboolean
drv_sftp_stat(DrvSftp *sftp, GError **error)
{
    g_autoptr(GByteArray) packet = drv_sftp_packet(SFTP_FSTAT, ++sftp->last_id);
    const guint8 *body;
    guint size, flags, at = 9;
    guint mode = S_IFREG;

    drv_sftp_put_string(packet, sftp->handle->data, sftp->handle->len);
    if (!ask(sftp, packet, SFTP_ATTRS, &body, &size, error))
        return FALSE;
    flags = size >= 9 ? (guint)drv_sftp_number(body + 5, 4) : 0;
    if (flags & ATTR_SIZE && size >= at + 8)
        sftp->size = drv_sftp_number(body + at, 8);
    at += (flags & ATTR_SIZE ? 8 : 0) + (flags & ATTR_OWNER ? 8 : 0);
    if (flags & ATTR_MODE && size >= at + 4)
        mode = (guint)drv_sftp_number(body + at, 4);
    if (S_ISBLK(mode))
        sftp->size = DRV_SOURCE_SIZE_UNKNOWN;
    if (!S_ISREG(mode) && !S_ISBLK(mode))
        return drv_sftp_throw(
            sftp, DRV_ERROR_REFUSED, "neither a file nor a block device", error);
    return TRUE;
}

/* The one name of a NAME packet: the number of names, then each with its attributes. */
static char *
take_name(const DrvSftp *sftp, const guint8 *body, guint size, GError **error)
{
    guint64 count = size >= 9 ? drv_sftp_number(body + 5, 4) : 0;
    guint64 length = size >= 13 ? drv_sftp_number(body + 9, 4) : 0;

    if (count == 1 && length > 0 && length <= MAX_PATH && length <= size - 13 &&
        body[13] == '/' && memchr(body + 13, '\0', length) == NULL)
        return g_strndup((const char *)body + 13, length);
    drv_sftp_throw(sftp, DRV_ERROR_FAILED, "invalid answer", error);
    return NULL;
}

char *
drv_sftp_real_path(DrvSftp *sftp, const char *path, GError **error)
{
    g_autoptr(GByteArray) packet = drv_sftp_packet(SFTP_REALPATH, ++sftp->last_id);
    const guint8 *body;
    guint size;

    drv_sftp_put_string(packet, path, strlen(path));
    if (!ask(sftp, packet, SFTP_NAME, &body, &size, error))
        return NULL;
    return take_name(sftp, body, size, error);
}

gboolean
drv_sftp_start(
    DrvSftp *sftp, const char *host, const char *name, guint stall_ms, GError **error)
{
    g_autoptr(GByteArray) init = drv_sftp_packet(SFTP_INIT, VERSION);
    g_autoptr(DrvCmd) cmd =
        drv_cmd_new("ssh", "-T", "-o", "BatchMode=yes", "-s", "--", host, "sftp", NULL);
    const guint8 *body;
    guint size;

    *sftp = (DrvSftp){
        .name = g_strdup(name),
        .child = DRV_CHILD_INIT,
        .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
        .stall_ms = stall_ms,
        .input = g_byte_array_new(),
        .said = g_string_new(NULL),
        .handle = g_byte_array_new(),
        .size = DRV_SOURCE_SIZE_UNKNOWN,
    };
    if (sftp->wake_fd < 0)
        return drv_throw_errno(error, "cannot create an eventfd");
    drv_cmd_keep_env(cmd, "SSH_AUTH_SOCK");
    drv_cmd_keep_env(cmd, "USER");
    drv_cmd_keep_env(cmd, "LOGNAME");
    if (!drv_cmd_spawn(cmd, &sftp->child, error))
        return drv_prefix(error, "cannot fetch '%s'", sftp->name);
    return ask(sftp, init, SFTP_VERSION, &body, &size, error);
}
