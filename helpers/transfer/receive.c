/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/status.h"
#include "request/request.h"
#include "source/digest.h"
#include "transfer/arrival.h"
#include "transfer/incoming.h"
#include "transfer/pace.h"
#include "transfer/room.h"
#include "transfer/wire.h"

typedef struct {
    DrvPeer *peer;
    const DrvReceive *receive;
    DrvTree *tree;
    DrvIncoming *in;
    GByteArray *answer;
    DrvDigest *digest;
    guint8 *data; /* DRV_WIRE_DATA_MAX */
    guint64 bytes;
    DrvWireHead head; /* of the record that comes next */
} Receiving;

/* --- where we are ----------------------------------------------------------------------
 */

/* The sender's directory is ours when the file that it made there is found here. */
static DrvPlace
find_place(const DrvTree *tree, const char *key, int target_fd)
{
    const DrvEntry *first = tree->entries->pdata[0];
    g_auto(DrvFd) source_fd = -1;

    if (*tree->nonce == '\0' || strstr(tree->nonce, "..") || *tree->nonce == '/')
        return DRV_PLACE_FAR;
    if (drv_path_exists(target_fd, tree->nonce))
        return g_str_equal(first->path, key) ? DRV_PLACE_SAME : DRV_PLACE_NEAR;
    if (!drv_request_check_path("source", tree->source_dir, NULL))
        return DRV_PLACE_FAR;
    source_fd = drv_path_open_dir(tree->source_dir, NULL);
    return source_fd >= 0 && drv_path_exists(source_fd, tree->nonce) ? DRV_PLACE_NEAR
                                                                     : DRV_PLACE_FAR;
}

/* --- one file --------------------------------------------------------------------------
 */

static gboolean
take_blocks(Receiving *at, const DrvArrival *file, GArray *blocks, GError **error)
{
    guint n = at->head.size / DRV_BLOCK_WIRE;
    guint64 from = file->at;

    if (n > DRV_BLOCKS_MAX || at->head.size % DRV_BLOCK_WIRE != 0)
        return drv_wire_throw(at->peer, at->head.type, error);
    if (!drv_peer_read(at->peer, at->data, at->head.size, error))
        return FALSE;
    drv_digest_update(at->digest, at->data, at->head.size);
    g_array_set_size(blocks, n);
    for (guint i = 0; i < n; i++) {
        DrvBlock *block = &g_array_index(blocks, DrvBlock, i);

        if (!drv_block_unpack(
                block, at->data + (gsize)i * DRV_BLOCK_WIRE, from, file->size))
            return drv_wire_throw(at->peer, at->head.type, error);
        from = block->offset + block->size;
        at->bytes += block->size;
    }
    return TRUE;
}

static gboolean
take_data(Receiving *at, DrvArrival *file, GArray *blocks, guint *next, GError **error)
{
    gsize done = 0;

    if (!drv_wire_next(at->peer, &at->head, error))
        return FALSE;
    if (at->head.type != DRV_WIRE_DATA ||
        at->head.offset != g_array_index(blocks, DrvBlock, *next).offset)
        return drv_wire_throw(at->peer, at->head.type, error);
    if (!drv_peer_read(at->peer, at->data, at->head.size, error))
        return FALSE;
    while (done < at->head.size) {
        const DrvBlock *block = &g_array_index(blocks, DrvBlock, *next);

        if (*next >= blocks->len || block->offset != at->head.offset + done ||
            block->size > at->head.size - done)
            return drv_wire_throw(at->peer, at->head.type, error);
        if (!drv_arrival_put(file, block, at->data + done, error))
            return FALSE;
        done += block->size;
        (*next)++;
    }
    return drv_pace_moved(done, error);
}

static gboolean
is_set(const guint8 *bits, guint i)
{
    return (bits[i / 8] & (1 << (i % 8))) != 0;
}

static gboolean
receive_window(
    Receiving *at, DrvArrival *file, gboolean has, GArray *blocks, GError **error)
{
    guint8 need[DRV_BLOCKS_MAX / 8] = { 0 };
    gsize size;
    guint next = 0;

    if (!take_blocks(at, file, blocks, error) ||
        (blocks->len > 0 &&
         !drv_arrival_plan(
             file, &g_array_index(blocks, DrvBlock, 0), blocks->len, need, error)))
        return FALSE;
    size = (blocks->len + 7) / 8;
    if (has && !drv_wire_send(at->peer, DRV_WIRE_NEED, 0, need, size, error))
        return FALSE;
    while (next < blocks->len) {
        if (has && !is_set(need, next))
            drv_status_kept(g_array_index(blocks, DrvBlock, next++).size);
        else if (!take_data(at, file, blocks, &next, error))
            return FALSE;
    }
    return drv_cancel_check(error);
}

/* The head is that of its F record; afterwards that of the one behind it. */
static gboolean
receive_file(Receiving *at, guint number, GError **error)
{
    const DrvEntry *entry = at->tree->entries->pdata[number];
    g_autoptr(GArray) blocks = g_array_new(FALSE, FALSE, sizeof(DrvBlock));
    g_auto(DrvArrival) file = DRV_ARRIVAL_INIT;
    gboolean has = at->answer->data[1 + number];

    if (at->head.type != DRV_WIRE_FILE || at->head.offset != number || at->head.size != 0)
        return drv_wire_throw(at->peer, at->head.type, error);
    drv_digest_update(at->digest, &number, sizeof number);
    if (!drv_arrival_open(
            &file, at->in->fd, at->in->target_fd, entry->path, entry->size, error))
        return FALSE;
    for (;;) {
        if (!drv_wire_next(at->peer, &at->head, error))
            return FALSE;
        if (at->head.type != DRV_WIRE_BLOCKS)
            break;
        if (at->head.offset != number)
            return drv_wire_throw(at->peer, at->head.type, error);
        if (!receive_window(at, &file, has, blocks, error))
            return FALSE;
    }
    if (!drv_arrival_end(&file, error))
        return FALSE;
    if (file.same)
        g_hash_table_add(at->in->same, entry->path);
    return TRUE;
}

/* --- all -------------------------------------------------------------------------------
 */

/* Open each file once, so that what can be had without sending is had before room is
 * asked for.
 */
static gboolean
make_answer(Receiving *at, GError **error)
{
    for (guint i = 0; i < at->tree->entries->len; i++) {
        const DrvEntry *entry = at->tree->entries->pdata[i];
        g_auto(DrvArrival) file = DRV_ARRIVAL_INIT;

        if (entry->type != DRV_ENTRY_FILE)
            continue;
        if (!drv_arrival_open(
                &file, at->in->fd, at->in->target_fd, entry->path, entry->size, error))
            return FALSE;
        at->answer->data[1 + i] = drv_arrival_has_some(&file);
        if (file.cloned)
            at->in->there += MIN(entry->size, at->tree->allocated);
    }
    return TRUE;
}

static gboolean
check_end(Receiving *at, const char *digest, GError **error)
{
    g_autofree char *told = NULL;

    if (at->head.type != DRV_WIRE_END || at->head.size != strlen(digest))
        return drv_wire_throw(at->peer, at->head.type, error);
    if (!drv_peer_read(at->peer, at->data, at->head.size, error))
        return FALSE;
    told = g_strndup((const char *)at->data, at->head.size);
    return drv_digest_equal(told, digest) || drv_throw(error,
                                                       DRV_ERROR_REMOTE,
                                                       "what arrived is not what %s sent",
                                                       at->peer->name);
}

static gboolean
give_receipt(Receiving *at, const char *digest, GError **error)
{
    g_autofree char *bytes = g_strdup_printf("%" G_GUINT64_FORMAT, at->bytes);
    g_autoptr(GVariant) receipt =
        g_variant_ref_sink(g_variant_new("(ssb)", bytes, digest, TRUE));
    g_autoptr(GBytes) wire = g_variant_get_data_as_bytes(receipt);

    return drv_wire_send(at->peer,
                         DRV_WIRE_RECEIPT,
                         0,
                         g_bytes_get_data(wire, NULL),
                         g_bytes_get_size(wire),
                         error);
}

static gboolean
receive_all(Receiving *at, GError **error)
{
    g_autofree char *digest = NULL;

    if (!make_answer(at, error) ||
        !drv_room_claim(at->in->target_fd,
                        at->receive->dir,
                        at->tree->allocated,
                        at->in->there,
                        error) ||
        !drv_wire_send(
            at->peer, DRV_WIRE_ANSWER, 0, at->answer->data, at->answer->len, error) ||
        !drv_wire_next(at->peer, &at->head, error))
        return FALSE;
    drv_status_step("receiving", at->tree->allocated);
    for (guint i = 0; i < at->tree->entries->len; i++) {
        const DrvEntry *entry = at->tree->entries->pdata[i];

        if (entry->type == DRV_ENTRY_FILE && !receive_file(at, i, error))
            return FALSE;
    }
    digest = drv_digest_finish(at->digest, error);
    if (digest == NULL || !check_end(at, digest, error))
        return FALSE;
    drv_status_phase("publishing");
    if (!drv_incoming_publish(at->in, error))
        return FALSE;
    DRV_CANCEL_SHIELD(); /* it is there, and must not be reported as cancelled */
    return give_receipt(at, digest, error);
}

/* All top-level names belong to the key: nothing else of the directory is changed. */
static gboolean
check_names(const DrvTree *tree, const char *key, GError **error)
{
    g_autofree char *snap = g_strconcat(key, ".snap", NULL);

    for (guint i = 0; i < tree->entries->len; i++) {
        const DrvEntry *entry = tree->entries->pdata[i];
        g_autofree char *top = g_strdup(entry->path);

        *strchrnul(top, '/') = '\0';
        if (!g_str_equal(top, key) && !g_str_equal(top, snap))
            return drv_throw(
                error, DRV_ERROR_REFUSED, "the offer has '%s' beside '%s'", top, key);
    }
    return TRUE;
}

static gboolean
receive_tree(Receiving *at, GError **error)
{
    g_auto(DrvIncoming) in = DRV_INCOMING_INIT;
    g_auto(DrvFd) target_fd = drv_path_make_dir(at->receive->dir, error);

    if (target_fd < 0)
        return FALSE;
    at->in = &in;
    at->answer->data[0] = (guint8)find_place(at->tree, at->receive->key, target_fd);
    if (at->answer->data[0] != DRV_PLACE_FAR)
        return drv_wire_send(
            at->peer, DRV_WIRE_ANSWER, 0, at->answer->data, at->answer->len, error);
    return drv_incoming_open(&in, at->receive, at->tree, target_fd, error) &&
           receive_all(at, error);
}

gboolean
drv_transfer_receive(DrvPeer *peer, const DrvReceive *receive, GError **error)
{
    g_autoptr(GBytes) offer = drv_wire_expect(peer, DRV_WIRE_OFFER, error);
    g_autoptr(DrvTree) tree = offer ? drv_tree_unpack(offer, error) : NULL;
    g_autoptr(DrvDigest) digest = tree ? drv_digest_new(DRV_DIGEST_SHA256, error) : NULL;
    g_autoptr(GByteArray) answer = g_byte_array_new();
    g_autofree guint8 *data = g_malloc(DRV_WIRE_DATA_MAX);
    Receiving at = { .peer = peer,
                     .receive = receive,
                     .tree = tree,
                     .answer = answer,
                     .digest = digest,
                     .data = data };
    gsize size;
    gconstpointer bytes;

    if (digest == NULL || !check_names(tree, receive->key, error))
        return FALSE;
    bytes = g_bytes_get_data(offer, &size);
    drv_digest_update(digest, bytes, size);
    g_byte_array_set_size(answer, 1 + tree->entries->len);
    memset(answer->data, 0, answer->len);
    drv_status_step("comparing", tree->allocated);
    return receive_tree(&at, error);
}
