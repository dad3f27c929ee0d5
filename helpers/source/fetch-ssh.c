/* SPDX-License-Identifier: Apache-2.0 */
/* source/fetch-ssh.c - a file of another host, with many reads under way at once. */
#define DRV_ALLOW_PRIVATE
#include <string.h>

#include "base/cancel.h"
#include "base/path.h"
#include "source/fetch-private.h"
#include "source/sftp.h"

#define READ_SIZE 32768 /* what every server gives at once */
#define N_SLOTS 64
#define STALL_MS 60000

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
    DrvSftp wire;
    guint64 done;     /* bytes of the file that were read */
    guint64 next;     /* offset to ask for next */
    gboolean no_more; /* do not ask beyond */
    Slot *slots;      /* a ring, N_SLOTS of them, the next to read at: */
    guint head;
} Sftp;

static void
sftp_free(gpointer state)
{
    Sftp *sftp = state;

    drv_sftp_clear(&sftp->wire);
    g_free(sftp->slots);
    g_free(sftp);
}

static void
sftp_interrupt(gpointer state)
{
    drv_sftp_interrupt(&((Sftp *)state)->wire);
}

static guint64
sftp_size(gpointer state)
{
    return ((Sftp *)state)->wire.size;
}

/* --- reading ------------------------------------------------------------------------ */

/* Ask for what @slot still lacks. */
static gboolean
ask_for(Sftp *sftp, Slot *slot, GError **error)
{
    g_autoptr(GByteArray) packet = NULL;

    slot->id = ++sftp->wire.last_id;
    slot->waiting = TRUE;
    packet = drv_sftp_packet(DRV_SFTP_READ, slot->id);
    drv_sftp_put_string(packet, sftp->wire.handle->data, sftp->wire.handle->len);
    drv_sftp_put_number(packet, slot->offset + slot->got, 8);
    drv_sftp_put_number(packet, READ_SIZE - slot->got, 4);
    return drv_sftp_transmit(&sftp->wire, packet, error);
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

    if (!drv_sftp_receive(&sftp->wire, &body, &size, error))
        return FALSE;
    slot = slot_of(sftp, (guint32)drv_sftp_number(body + 1, 4));
    if (slot && size >= 9 && body[0] == DRV_SFTP_STATUS &&
        drv_sftp_number(body + 5, 4) == DRV_SFTP_STATUS_EOF) {
        slot->waiting = FALSE;
        slot->eof = TRUE;
        sftp->no_more = TRUE;
        return TRUE;
    }
    if (body[0] == DRV_SFTP_STATUS)
        return drv_sftp_throw_status(&sftp->wire, body, size, error);
    length = size >= 9 ? (guint)drv_sftp_number(body + 5, 4) : 0;
    if (slot == NULL || body[0] != DRV_SFTP_DATA || length == 0 || length > size - 9 ||
        length > READ_SIZE - slot->got)
        return drv_sftp_throw(&sftp->wire, DRV_ERROR_FAILED, "invalid answer", error);
    memcpy(slot->data + slot->got, body + 9, length);
    slot->got += length;
    slot->waiting = FALSE;
    return slot->got == READ_SIZE || ask_for(sftp, slot, error);
}

static gssize
at_end(const Sftp *sftp, GError **error)
{
    if (sftp->wire.size == DRV_SOURCE_SIZE_UNKNOWN || sftp->done == sftp->wire.size)
        return 0;
    drv_sftp_throw(&sftp->wire, DRV_ERROR_FAILED, "changed while being read", error);
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
throw_host(const char *name, const char *host, GError **error)
{
    return drv_throw(error,
                     DRV_ERROR_REFUSED,
                     "cannot fetch '%s': host '%s' is not in SSH_SOURCE_HOSTS of "
                     "one-native.conf",
                     name,
                     host);
}

/* Add the directories of @list as they are written, and as the host resolves them. */
static void
add_dirs(Sftp *sftp, GPtrArray *found, const char *const *list)
{
    for (guint i = 0; list && list[i]; i++) {
        char *real =
            *list[i] == '/' ? drv_sftp_real_path(&sftp->wire, list[i], NULL) : NULL;

        g_ptr_array_add(found, g_strdup(list[i]));
        if (real)
            g_ptr_array_add(found, real);
    }
}

/* What is ours on a front-end is ours on a host too, and so is the home of who logs in;
 * a block device has to be in a safe directory.
 */
static gboolean
is_allowed(Sftp *sftp, const DrvFetchPolicy *policy, const char *real, gboolean is_block)
{
    g_autofree char *home = drv_sftp_real_path(&sftp->wire, ".", NULL);
    const char *ours[] = {
        "/var/lib/one", "/etc/one", "/var/tmp/one", is_block ? "/" : home, NULL
    };
    g_autoptr(GPtrArray) safe = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) restricted = g_ptr_array_new_with_free_func(g_free);

    add_dirs(sftp, safe, policy->safe_dirs);
    g_ptr_array_add(safe, NULL);
    add_dirs(sftp, restricted, policy->restricted_dirs);
    add_dirs(sftp, restricted, ours);
    g_ptr_array_add(restricted, NULL);
    return home && drv_path_is_allowed(real,
                                       (const char *const *)safe->pdata,
                                       (const char *const *)restricted->pdata);
}

static gboolean
throw_not_allowed(const Sftp *sftp, GError **error)
{
    return drv_throw(error, DRV_ERROR_REFUSED, DRV_FETCH_NOT_ALLOWED, sftp->wire.name);
}

/* What @path leads to, if it may be read; one answer for what is not there and what may
 * not be read.  Caller frees.
 */
static char *
check_path(Sftp *sftp, const DrvFetchPolicy *policy, const char *path, GError **error)
{
    g_autoptr(GError) reason = NULL;
    g_autofree char *real = drv_sftp_real_path(&sftp->wire, path, &reason);

    if (real && is_allowed(sftp, policy, real, FALSE))
        return g_steal_pointer(&real);
    if (reason && !g_error_matches(reason, DRV_ERROR, DRV_ERROR_NOT_FOUND) &&
        !g_error_matches(reason, DRV_ERROR, DRV_ERROR_PERMISSION))
        g_propagate_error(error, g_steal_pointer(&reason));
    else
        throw_not_allowed(sftp, error);
    return NULL;
}

/* Between the two looks, who can write to directories of that host may exchange a name;
 * the second finds what has not been changed back.
 */
static gboolean
open_checked(Sftp *sftp, const DrvFetchPolicy *policy, const char *path, GError **error)
{
    g_autofree char *real = check_path(sftp, policy, path, error);
    g_autofree char *again = NULL;

    if (real == NULL || !drv_sftp_open(&sftp->wire, real, error) ||
        !drv_sftp_stat(&sftp->wire, error))
        return FALSE;
    again = drv_sftp_real_path(&sftp->wire, real, error);
    if (again == NULL)
        return FALSE;
    if (!g_str_equal(again, real) || (sftp->wire.size == DRV_SOURCE_SIZE_UNKNOWN &&
                                      !is_allowed(sftp, policy, real, TRUE)))
        return throw_not_allowed(sftp, error);
    return TRUE;
}

static gboolean
open_file(Sftp *sftp, const DrvFetchRequest *request, const char *path, GError **error)
{
    if (request->policy)
        return open_checked(sftp, request->policy, path, error);
    return drv_sftp_open(&sftp->wire, path, error) && drv_sftp_stat(&sftp->wire, error);
}

static gboolean
begin(Sftp *sftp,
      const DrvFetchRequest *request,
      const char *name,
      const char *host,
      const char *path,
      GError **error)
{
    guint stall_ms = request->stall_timeout_ms ? request->stall_timeout_ms : STALL_MS;

    if (!drv_sftp_start(&sftp->wire, host, name, stall_ms, error) ||
        !open_file(sftp, request, path, error))
        return FALSE;
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
    const DrvFetchPolicy *policy = request->policy;
    g_autofree char *name = drv_fetch_display_name(request->url);
    g_autofree char *host = NULL;
    g_autofree char *path = NULL;
    Sftp *sftp;

    if (!drv_fetch_split_ssh(request->url, &host, &path, error))
        return NULL;
    if (policy && !(policy->ssh_hosts && g_strv_contains(policy->ssh_hosts, host))) {
        (void)throw_host(name, host, error);
        return NULL;
    }
    sftp = g_new0(Sftp, 1);
    sftp->slots = g_new0(Slot, N_SLOTS);
    if (begin(sftp, request, name, host, path, error))
        return drv_source_new(&ops, sftp, name);
    sftp_free(sftp);
    return NULL;
}
