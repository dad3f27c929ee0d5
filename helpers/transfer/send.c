/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/status.h"
#include "source/digest.h"
#include "transfer/blocks.h"
#include "transfer/pace.h"
#include "transfer/tree.h"
#include "transfer/wire.h"

typedef struct {
    DrvPeer *peer;
    const DrvSend *send;
    DrvTree *tree;
    GBytes *answer;    /* a byte per entry: the receiver has something of it */
    DrvDigest *digest; /* of the offer and all block lists */
    DrvReceipt sent;
} Sending;

/* Consecutive blocks travel together. */
static gboolean
send_run(Sending *at,
         const DrvWindow *window,
         guint first,
         guint n,
         gsize data,
         GError **error)
{
    gsize size = 0;

    for (guint i = first; i < first + n; i++)
        size += window->blocks[i].size;
    at->sent.sent += size;
    if (!drv_pace_moved(size, error))
        return FALSE;
    return drv_wire_send(at->peer,
                         DRV_WIRE_DATA,
                         window->blocks[first].offset,
                         window->data + data,
                         size,
                         error);
}

static gboolean
follows(const DrvWindow *window, guint i, guint64 size)
{
    const DrvBlock *last = window->blocks + i - 1;

    return last->offset + last->size == window->blocks[i].offset &&
           size + window->blocks[i].size <= DRV_WIRE_DATA_MAX;
}

/* Send those blocks whose bit is set; without @need, all. */
static gboolean
send_needed(Sending *at, const DrvWindow *window, const guint8 *need, GError **error)
{
    gsize data = 0;
    guint i = 0;

    while (i < window->n) {
        guint first = i;
        gsize size = 0;

        if (need && !(need[i / 8] & (1 << (i % 8)))) {
            data += window->blocks[i++].size;
            continue;
        }
        do
            size += window->blocks[i++].size;
        while (i < window->n && (!need || (need[i / 8] & (1 << (i % 8)))) &&
               follows(window, i, size));
        if (!send_run(at, window, first, i - first, data, error))
            return FALSE;
        data += size;
    }
    return TRUE;
}

static gboolean
send_window(
    Sending *at, const DrvWindow *window, guint64 file, gboolean has, GError **error)
{
    gsize size = (gsize)window->n * DRV_BLOCK_WIRE;
    g_autofree guint8 *list = g_malloc(size);
    g_autoptr(GBytes) need = NULL;
    guint64 before = at->sent.sent;

    for (guint i = 0; i < window->n; i++) {
        drv_block_pack(window->blocks + i, list + (gsize)i * DRV_BLOCK_WIRE);
        at->sent.bytes += window->blocks[i].size;
    }
    drv_digest_update(at->digest, list, size);
    if (!drv_wire_send(at->peer, DRV_WIRE_BLOCKS, file, list, size, error))
        return FALSE;
    if (!has)
        return send_needed(at, window, NULL, error);
    need = drv_wire_expect(at->peer, DRV_WIRE_NEED, error);
    if (need == NULL)
        return FALSE;
    if (g_bytes_get_size(need) != (window->n + 7) / 8)
        return drv_wire_throw(at->peer, DRV_WIRE_NEED, error);
    if (!send_needed(at, window, g_bytes_get_data(need, NULL), error))
        return FALSE;
    drv_status_kept(window->used - (at->sent.sent - before));
    return TRUE;
}

static gboolean
send_file(Sending *at, guint number, GError **error)
{
    const DrvEntry *entry = at->tree->entries->pdata[number];
    const DrvSendRoot *root = at->send->roots + entry->root;
    gboolean has = ((const guint8 *)g_bytes_get_data(at->answer, NULL))[1 + number];
    g_autofree char *name = g_build_filename(root->where, entry->source, NULL);
    g_auto(DrvFd) fd = drv_path_open_beneath(
        root->dir_fd, root->where, entry->source, O_RDONLY | O_NONBLOCK, 0, error);
    g_autoptr(DrvBlockReader) reader = NULL;
    const DrvWindow *window;

    if (fd < 0 || !drv_wire_send(at->peer, DRV_WIRE_FILE, number, NULL, 0, error))
        return FALSE;
    drv_digest_update(at->digest, &number, sizeof number);
    reader = drv_block_reader_new(fd, entry->size, name);
    do {
        if (!drv_cancel_check(error) || !drv_block_reader_next(reader, &window, error) ||
            (window && !send_window(at, window, number, has, error)))
            return FALSE;
    } while (window);
    return TRUE;
}

static gboolean
is_proved(const Sending *at, const DrvReceipt *receipt, const char *digest)
{
    return receipt->synced && receipt->bytes == at->sent.bytes &&
           drv_digest_equal(receipt->digest, digest);
}

static gboolean
take_receipt(Sending *at, const char *digest, DrvReceipt *receipt, GError **error)
{
    g_autoptr(GBytes) wire = drv_wire_expect(at->peer, DRV_WIRE_RECEIPT, error);
    g_autoptr(GVariant) value = NULL;
    const char *told;

    if (wire == NULL)
        return FALSE;
    value = g_variant_ref_sink(
        g_variant_new_from_bytes(G_VARIANT_TYPE("(ssb)"), wire, FALSE));
    if (!g_variant_is_normal_form(value))
        return drv_wire_throw(at->peer, DRV_WIRE_RECEIPT, error);
    {
        const char *bytes;

        g_variant_get(value, "(&s&sb)", &bytes, &told, &receipt->synced);
        receipt->sent = at->sent.sent;
        if (!g_ascii_string_to_unsigned(
                bytes, 10, 0, G_MAXUINT64, &receipt->bytes, error))
            return FALSE;
        g_strlcpy(receipt->digest, told, sizeof receipt->digest);
    }
    return is_proved(at, receipt, digest) ||
           drv_throw(error,
                     DRV_ERROR_REMOTE,
                     "the receipt of %s is for something else: nothing is removed",
                     at->peer->name);
}

static gboolean
send_all(Sending *at, DrvReceipt *receipt, GError **error)
{
    g_autofree char *digest = NULL;

    drv_status_step("sending", at->tree->allocated);
    for (guint i = 0; i < at->tree->entries->len; i++) {
        const DrvEntry *entry = at->tree->entries->pdata[i];

        if (entry->type == DRV_ENTRY_FILE && !send_file(at, i, error))
            return FALSE;
    }
    digest = drv_digest_finish(at->digest, error);
    if (digest == NULL)
        return FALSE;
    drv_status_phase("waiting for the receipt");
    return drv_wire_send(at->peer, DRV_WIRE_END, 0, digest, strlen(digest), error) &&
           take_receipt(at, digest, receipt, error);
}

gboolean
drv_transfer_send(DrvPeer *peer,
                  const DrvSend *send,
                  DrvPlace *place,
                  DrvReceipt *receipt,
                  GError **error)
{
    g_autoptr(DrvTree) tree = drv_tree_read(send, error);
    g_autoptr(GBytes) offer = tree ? drv_tree_pack(tree) : NULL;
    g_autoptr(GBytes) answer = NULL;
    g_autoptr(DrvDigest) digest = offer ? drv_digest_new(DRV_DIGEST_SHA256, error) : NULL;
    Sending at = { .peer = peer, .send = send, .tree = tree, .digest = digest };
    gsize size;
    const guint8 *data;

    *receipt = (DrvReceipt){ 0 };
    if (digest == NULL)
        return FALSE;
    data = g_bytes_get_data(offer, &size);
    if (size > DRV_WIRE_OFFER_MAX)
        return drv_throw(error, DRV_ERROR_REFUSED, "there are too many files to send");
    drv_digest_update(digest, data, size);
    drv_status_step("comparing", tree->allocated);
    if (!drv_wire_send(peer, DRV_WIRE_OFFER, 0, data, size, error))
        return FALSE;
    answer = drv_wire_expect(peer, DRV_WIRE_ANSWER, error);
    if (answer == NULL)
        return FALSE;
    if (g_bytes_get_size(answer) != 1 + tree->entries->len)
        return drv_wire_throw(peer, DRV_WIRE_ANSWER, error);
    at.answer = answer;
    *place = (DrvPlace)((const guint8 *)g_bytes_get_data(answer, NULL))[0];
    return *place != DRV_PLACE_FAR || send_all(&at, receipt, error);
}

char *
drv_receipt_text(const DrvReceipt *receipt)
{
    return g_strdup_printf("%" G_GUINT64_FORMAT " bytes, %" G_GUINT64_FORMAT
                           " sent, SHA-256 %s%s",
                           receipt->bytes,
                           receipt->sent,
                           receipt->digest,
                           receipt->synced ? ", synced" : "");
}
