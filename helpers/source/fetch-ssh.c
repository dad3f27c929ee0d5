/* SPDX-License-Identifier: Apache-2.0 */
/* source/fetch-ssh.c - a file of another host: ssh's sftp subsystem, read only.
 *
 * A packet is its length (4 bytes), its type (1), and for all but the first a request
 * number (4); numbers are big-endian, a string is its length and its bytes.  We ask for
 * OPEN, FSTAT and READ, and are answered HANDLE, ATTRS, DATA or STATUS.
 */
#define DRV_ALLOW_PRIVATE
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "source/fetch-private.h"

#define VERSION 3
#define MAX_PACKET 262144
#define MAX_STDERR 4096
#define READ_SIZE 32768 /* what every server gives at once */
#define N_SLOTS 64
#define STALL_MS 60000
#define EXIT_MS 5000

enum {
    SFTP_INIT = 1,
    SFTP_VERSION = 2,
    SFTP_OPEN = 3,
    SFTP_READ = 5,
    SFTP_FSTAT = 8,
    SFTP_STATUS = 101,
    SFTP_HANDLE = 102,
    SFTP_DATA = 103,
    SFTP_ATTRS = 105,
};
enum { STATUS_EOF = 1, STATUS_NO_SUCH_FILE = 2, STATUS_DENIED = 3 };
enum { ATTR_SIZE = 1, ATTR_OWNER = 2, ATTR_MODE = 4 };

/* A piece of the file that was asked for. */
typedef struct {
    guint32 id; /* of the request under way */
    guint64 offset;
    guint32 got;      /* bytes in data */
    guint32 taken;    /* of them by the reader */
    gboolean waiting; /* for an answer */
    gboolean eof;     /* the file ends behind these bytes */
    guint8 data[READ_SIZE];
} Slot;

typedef struct {
    char *name;
    DrvChild child;
    int wake_fd;
    guint stall_ms;
    GByteArray *input; /* of the packet being received, with its length */
    GString *said;     /* what ssh wrote to stderr */
    GByteArray *handle;
    guint64 size; /* of the file, or unknown */
    guint64 done; /* bytes read from it */
    guint64 next; /* offset to ask for next */
    guint32 last_id;
    gboolean no_more; /* do not ask beyond */
    Slot *slots;      /* a ring, N_SLOTS of them, the next to read at: */
    guint head;
} Sftp;

static void
sftp_free(gpointer state)
{
    Sftp *sftp = state;

    drv_cmd_child_clear(&sftp->child);
    drv_fd_close_one(sftp->wake_fd);
    g_byte_array_unref(sftp->input);
    g_byte_array_unref(sftp->handle);
    g_string_free(sftp->said, TRUE);
    g_free(sftp->slots);
    g_free(sftp->name);
    g_free(sftp);
}

static void
sftp_interrupt(gpointer state)
{
    guint64 one = 1;

    (void)!write(((Sftp *)state)->wake_fd, &one, sizeof one);
}

static guint64
sftp_size(gpointer state)
{
    return ((Sftp *)state)->size;
}

static gboolean
throw_sftp(const Sftp *sftp, DrvErrorCode code, const char *reason, GError **error)
{
    return drv_throw(error, code, "cannot fetch '%s': %s", sftp->name, reason);
}

/* --- bytes to and from ssh ---------------------------------------------------------- */

static void
note_stderr(Sftp *sftp)
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
throw_end(Sftp *sftp, GError **error)
{
    int status = 0;

    /* Its descriptor is at its end, or will be when it exits. */
    while (sftp->child.stderr_fd >= 0 && wait_readable(sftp->child.stderr_fd))
        note_stderr(sftp);
    if (!drv_cmd_child_wait(&sftp->child, EXIT_MS, &status, error) ||
        !drv_cmd_check("ssh", status, sftp->said->str, error))
        return drv_prefix(error, "cannot fetch '%s'", sftp->name);
    return throw_sftp(sftp, DRV_ERROR_FAILED, "ssh ended the connection", error);
}

/* Have at least @size bytes in the input. */
static gboolean
need_input(Sftp *sftp, guint size, GError **error)
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
            return throw_sftp(sftp, DRV_ERROR_TIMEOUT, "no answer from ssh", error);
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
            return throw_sftp(sftp, DRV_ERROR_FAILED, "cannot read from ssh", error);
    }
    return TRUE;
}

static guint64
number(const guint8 *at, guint size)
{
    guint64 value = 0;

    for (guint i = 0; i < size; i++)
        value = value << 8 | at[i];
    return value;
}

/* Receive a packet: @body is what follows the length, owned by the input. */
static gboolean
receive(Sftp *sftp, const guint8 **body, guint *size, GError **error)
{
    g_byte_array_set_size(sftp->input, 0);
    if (!need_input(sftp, 4, error))
        return FALSE;
    *size = (guint)number(sftp->input->data, 4);
    if (*size < 5 || *size > MAX_PACKET)
        return throw_sftp(
            sftp, DRV_ERROR_FAILED, "the answer is not from an sftp server", error);
    if (!need_input(sftp, 4 + *size, error))
        return FALSE;
    *body = sftp->input->data + 4;
    return TRUE;
}

static void
put_number(GByteArray *packet, guint64 value, guint size)
{
    while (size-- > 0) {
        guint8 byte = (guint8)(value >> (8 * size));

        g_byte_array_append(packet, &byte, 1);
    }
}

static void
put_string(GByteArray *packet, gconstpointer data, gsize size)
{
    put_number(packet, size, 4);
    g_byte_array_append(packet, data, (guint)size);
}

/* A packet of @type and @id, to which its fields are added. */
static GByteArray *
new_packet(guint8 type, guint32 id)
{
    GByteArray *packet = g_byte_array_new();

    put_number(packet, 0, 4); /* the length, by transmit() */
    put_number(packet, type, 1);
    put_number(packet, id, 4);
    return packet;
}

static gboolean
transmit(Sftp *sftp, GByteArray *packet, GError **error)
{
    guint size = packet->len - 4;

    for (guint i = 0; i < 4; i++)
        packet->data[i] = (guint8)(size >> (24 - 8 * i));
    if (drv_fd_write_all(sftp->child.stdin_fd, packet->data, packet->len, "to ssh", NULL))
        return TRUE;
    return drv_cancel_check(error) && throw_end(sftp, error);
}

/* --- the conversation --------------------------------------------------------------- */

static gboolean
throw_status(const Sftp *sftp, const guint8 *body, guint size, GError **error)
{
    guint64 status = size >= 9 ? number(body + 5, 4) : 0;
    guint64 length = size >= 13 ? number(body + 9, 4) : 0;
    g_autofree char *text = NULL;
    g_autofree char *shown = NULL;

    if (status == STATUS_NO_SUCH_FILE)
        return throw_sftp(sftp, DRV_ERROR_NOT_FOUND, "No such file or directory", error);
    if (status == STATUS_DENIED)
        return throw_sftp(sftp, DRV_ERROR_PERMISSION, "Permission denied", error);
    text =
        g_strndup(length <= size - 13 && length > 0 ? (const char *)body + 13 : "failure",
                  length > 0 && length <= size - 13 ? MIN(length, 200) : 7);
    shown = drv_log_escape(text);
    return throw_sftp(sftp, DRV_ERROR_FAILED, shown, error);
}

/* Send @packet and have its answer, of @type; STATUS is thrown. */
static gboolean
ask(Sftp *sftp,
    GByteArray *packet,
    guint8 type,
    const guint8 **body,
    guint *size,
    GError **error)
{
    if (!transmit(sftp, packet, error) || !receive(sftp, body, size, error))
        return FALSE;
    if ((*body)[0] == SFTP_STATUS)
        return throw_status(sftp, *body, *size, error);
    if ((*body)[0] != type)
        return throw_sftp(
            sftp, DRV_ERROR_FAILED, "the answer is not from an sftp server", error);
    return TRUE;
}

static gboolean
open_file(Sftp *sftp, const char *path, GError **error)
{
    g_autoptr(GByteArray) init = new_packet(SFTP_INIT, VERSION);
    g_autoptr(GByteArray) packet = new_packet(SFTP_OPEN, 1);
    const guint8 *body;
    guint size;

    put_string(packet, path, strlen(path));
    put_number(packet, 1, 4); /* for reading */
    put_number(packet, 0, 4); /* no attributes */
    if (!ask(sftp, init, SFTP_VERSION, &body, &size, error) ||
        !ask(sftp, packet, SFTP_HANDLE, &body, &size, error))
        return FALSE;
    if (size < 9 || number(body + 5, 4) > size - 9)
        return throw_sftp(sftp, DRV_ERROR_FAILED, "invalid answer", error);
    g_byte_array_append(sftp->handle, body + 9, (guint)number(body + 5, 4));
    return TRUE;
}

static gboolean
stat_file(Sftp *sftp, GError **error)
{
    g_autoptr(GByteArray) packet = new_packet(SFTP_FSTAT, 2);
    const guint8 *body;
    guint size, flags, at = 9;
    guint mode = S_IFREG;

    put_string(packet, sftp->handle->data, sftp->handle->len);
    if (!ask(sftp, packet, SFTP_ATTRS, &body, &size, error))
        return FALSE;
    flags = size >= 9 ? (guint)number(body + 5, 4) : 0;
    if (flags & ATTR_SIZE && size >= at + 8)
        sftp->size = number(body + at, 8);
    at += (flags & ATTR_SIZE ? 8 : 0) + (flags & ATTR_OWNER ? 8 : 0);
    if (flags & ATTR_MODE && size >= at + 4)
        mode = (guint)number(body + at, 4);
    if (S_ISBLK(mode))
        sftp->size = DRV_SOURCE_SIZE_UNKNOWN;
    if (!S_ISREG(mode) && !S_ISBLK(mode))
        return throw_sftp(
            sftp, DRV_ERROR_REFUSED, "neither a file nor a block device", error);
    return TRUE;
}

/* --- reading ------------------------------------------------------------------------ */

/* Ask for what @slot still lacks. */
static gboolean
ask_for(Sftp *sftp, Slot *slot, GError **error)
{
    g_autoptr(GByteArray) packet = NULL;

    slot->id = ++sftp->last_id;
    slot->waiting = TRUE;
    packet = new_packet(SFTP_READ, slot->id);
    put_string(packet, sftp->handle->data, sftp->handle->len);
    put_number(packet, slot->offset + slot->got, 8);
    put_number(packet, READ_SIZE - slot->got, 4);
    return transmit(sftp, packet, error);
}

/* The next piece of the file into @slot. */
static gboolean
refill(Sftp *sftp, Slot *slot, GError **error)
{
    slot->got = 0;
    slot->taken = 0;
    slot->offset = sftp->next;
    slot->eof = sftp->no_more;
    if (sftp->no_more)
        return TRUE;
    sftp->next += READ_SIZE;
    return ask_for(sftp, slot, error);
}

static Slot *
slot_of(Sftp *sftp, guint32 id)
{
    for (guint i = 0; i < N_SLOTS; i++)
        if (sftp->slots[i].waiting && sftp->slots[i].id == id)
            return &sftp->slots[i];
    return NULL;
}

static gboolean
take_answer(Sftp *sftp, GError **error)
{
    const guint8 *body;
    guint size, length;
    Slot *slot;

    if (!receive(sftp, &body, &size, error))
        return FALSE;
    slot = slot_of(sftp, (guint32)number(body + 1, 4));
    if (slot && size >= 9 && body[0] == SFTP_STATUS &&
        number(body + 5, 4) == STATUS_EOF) {
        slot->waiting = FALSE;
        slot->eof = TRUE;
        sftp->no_more = TRUE;
        return TRUE;
    }
    if (body[0] == SFTP_STATUS)
        return throw_status(sftp, body, size, error);
    length = size >= 9 ? (guint)number(body + 5, 4) : 0;
    if (slot == NULL || body[0] != SFTP_DATA || length == 0 || length > size - 9 ||
        length > READ_SIZE - slot->got)
        return throw_sftp(sftp, DRV_ERROR_FAILED, "invalid answer", error);
    memcpy(slot->data + slot->got, body + 9, length);
    slot->got += length;
    slot->waiting = FALSE;
    return slot->got == READ_SIZE || ask_for(sftp, slot, error);
}

static gssize
at_end(const Sftp *sftp, GError **error)
{
    if (sftp->size == DRV_SOURCE_SIZE_UNKNOWN || sftp->done == sftp->size)
        return 0;
    throw_sftp(sftp, DRV_ERROR_FAILED, "changed while being read", error);
    return -1;
}

static gssize
sftp_read(gpointer state, guint8 *data, gsize size, GError **error)
{
    Sftp *sftp = state;
    Slot *slot = &sftp->slots[sftp->head];

    if (!drv_cancel_check(error))
        return -1;
    while (slot->waiting)
        if (!take_answer(sftp, error))
            return -1;
    if (slot->taken == slot->got) /* only at the end of the file: see below */
        return at_end(sftp, error);
    size = MIN(size, slot->got - slot->taken);
    memcpy(data, slot->data + slot->taken, size);
    slot->taken += (guint32)size;
    sftp->done += size;
    if (slot->taken == slot->got && !slot->eof) {
        if (!refill(sftp, slot, error))
            return -1;
        sftp->head = (sftp->head + 1) % N_SLOTS;
    }
    return (gssize)size;
}

/* --- beginning ---------------------------------------------------------------------- */

static gboolean
start(Sftp *sftp, const char *host, const char *path, GError **error)
{
    g_autoptr(DrvCmd) cmd =
        drv_cmd_new("ssh", "-T", "-o", "BatchMode=yes", "-s", "--", host, "sftp", NULL);

    drv_cmd_keep_env(cmd, "SSH_AUTH_SOCK");
    drv_cmd_keep_env(cmd, "USER");
    drv_cmd_keep_env(cmd, "LOGNAME");
    sftp->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (sftp->wake_fd < 0)
        return drv_throw_errno(error, "cannot create an eventfd");
    if (!drv_cmd_spawn(cmd, &sftp->child, error))
        return drv_prefix(error, "cannot fetch '%s'", sftp->name);
    if (!open_file(sftp, path, error) || !stat_file(sftp, error))
        return FALSE;
    sftp->last_id = 2;
    for (guint i = 0; i < N_SLOTS; i++)
        if (!refill(sftp, &sftp->slots[i], error))
            return FALSE;
    return TRUE;
}

DrvSource *
drv_fetch_open_ssh(const DrvFetchRequest *request, GError **error)
{
    static const DrvSourceOps ops = { .read = sftp_read,
                                      .size = sftp_size,
                                      .interrupt = sftp_interrupt,
                                      .free = sftp_free };
    g_autofree char *host = NULL;
    g_autofree char *path = NULL;
    Sftp *sftp;

    if (!drv_fetch_split_ssh(request->url, &host, &path, error))
        return NULL;
    sftp = g_new0(Sftp, 1);
    sftp->name = drv_fetch_display_name(request->url);
    sftp->child = (DrvChild)DRV_CHILD_INIT;
    sftp->wake_fd = -1;
    sftp->stall_ms = request->stall_timeout_ms ? request->stall_timeout_ms : STALL_MS;
    sftp->input = g_byte_array_new();
    sftp->handle = g_byte_array_new();
    sftp->said = g_string_new(NULL);
    sftp->size = DRV_SOURCE_SIZE_UNKNOWN;
    sftp->slots = g_new0(Slot, N_SLOTS);
    if (start(sftp, host, path, error))
        return drv_source_new(&ops, sftp, sftp->name);
    sftp_free(sftp);
    return NULL;
}
