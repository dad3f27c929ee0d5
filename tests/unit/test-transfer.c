/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of a transfer, in two threads with a socket between them. */
#include <string.h>
#include <sys/socket.h>

#include "scratch.h"
#include "transfer/transfer.h"
#include "transfer/tree.h"
#include "transfer/wire.h"

#define MIB (1024 * 1024)

/* --- a line that counts, breaks and lies -----------------------------------------------
 */

typedef struct {
    int fd;
    guint64 bytes; /* that were read */
    guint64 cut;   /* no more than so many; 0: all */
    guint64 lie;   /* this byte is read as another; 0: none */
} Line;

static gboolean
line_write(gpointer state, gconstpointer data, gsize size, GError **error)
{
    const Line *line = state;

    for (gsize done = 0; done < size;) {
        gssize n = send(line->fd, (const guint8 *)data + done, size - done, MSG_NOSIGNAL);

        if (n < 0)
            return drv_throw_errno(error, "the line is cut");
        done += (gsize)n;
    }
    return TRUE;
}

static gssize
line_read(gpointer state, gpointer data, gsize size, GError **error)
{
    Line *line = state;
    gsize want = line->cut ? MIN(size, line->cut - line->bytes) : size;
    gssize got = want > 0 ? recv(line->fd, data, want, 0) : 0;

    if (got <= 0) {
        (void)drv_throw(error, DRV_ERROR_REMOTE, "the line is cut");
        return -1;
    }
    if (line->lie > line->bytes && line->lie <= line->bytes + (guint64)got)
        ((guint8 *)data)[line->lie - line->bytes - 1] ^= 1;
    line->bytes += (guint64)got;
    return got;
}

typedef struct {
    const char *source, *target; /* directories */
    const char *name;            /* what is sent */
    Line line;                   /* as the receiver has it */
    DrvReceipt receipt;
    GError *sent, *received;
} Move;

static gpointer
receive(gpointer data)
{
    Move *move = data;
    DrvPeer peer = { line_write, line_read, &move->line, "sender" };
    DrvReceive want = { .dir = move->target, .key = move->name };

    g_assert_true(drv_transfer_receive(&peer, &want, &move->received) ==
                  (move->received == NULL));
    (void)shutdown(move->line.fd, SHUT_RDWR);
    return NULL;
}

static void
run(Move *move)
{
    g_auto(DrvFd) dir_fd = open(move->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DrvSendRoot root = { dir_fd, move->source, move->name, move->name };
    DrvSend want = { .roots = &root, .n_roots = 1 };
    int ends[2];
    GThread *receiver;
    DrvPlace place;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
    for (guint i = 0; move->line.lie && i < 2; i++) { /* each may wait for the other */
        const struct timeval patience = { .tv_usec = 200000 };

        g_assert_cmpint(
            setsockopt(ends[i], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience),
            ==,
            0);
    }
    move->line.fd = ends[1];
    receiver = g_thread_new("receiver", receive, move);
    {
        Line line = { .fd = ends[0] };
        DrvPeer peer = { line_write, line_read, &line, "receiver" };

        g_assert_true(
            drv_transfer_send(&peer, &want, &place, &move->receipt, &move->sent) ==
            (move->sent == NULL));
    }
    (void)shutdown(ends[0], SHUT_RDWR);
    g_thread_join(receiver);
    close(ends[0]);
    close(ends[1]);
}

static void
move_clear(Move *move)
{
    g_clear_error(&move->sent);
    g_clear_error(&move->received);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Move, move_clear)

/* --- places ----------------------------------------------------------------------------
 */

typedef struct {
    Scratch *dir;
    char *source, *target;
    gsize data; /* bytes in disk.0 that are not zero */
} Place;

static void
place_set_up(Place *place, gconstpointer unused)
{
    (void)unused;
    place->dir = scratch_new();
    place->source = g_build_filename(place->dir, "source", NULL);
    place->target = g_build_filename(place->dir, "target", NULL);
    g_assert_cmpint(g_mkdir(place->source, 0755), ==, 0);
    g_assert_cmpint(g_mkdir(place->target, 0755), ==, 0);
    {
        g_auto(DrvFd) fd = scratch_open(place->source, "disk.0");
        g_autofree guint8 *data = noise(16 * MIB, 1);

        g_assert_cmpint(ftruncate(fd, 64 * MIB), ==, 0);
        put_at(fd, data, 16 * MIB, 8 * MIB);
        place->data = 16 * MIB;
    }
}

static void
place_tear_down(Place *place, gconstpointer unused)
{
    (void)unused;
    g_free(place->source);
    g_free(place->target);
    scratch_remove(place->dir);
}

static void
assert_arrived(const Place *place)
{
    g_autofree char *from = g_build_filename(place->source, "disk.0", NULL);
    g_autofree char *to = g_build_filename(place->target, "disk.0", NULL);

    run_ok("cmp", "--", from, to, NULL);
}

static Move
move_of(const Place *place)
{
    return (Move){ .source = place->source, .target = place->target, .name = "disk.0" };
}

static void
change(const Place *place, gsize size, guint64 offset)
{
    g_auto(DrvFd) fd = reopen(place->source, "disk.0");
    g_autofree guint8 *data = noise(size, (guint32)offset);

    put_at(fd, data, size, offset);
}

/* --- tests -----------------------------------------------------------------------------
 */

static void
test_delta(Place *place, gconstpointer unused)
{
    g_auto(Move) first = move_of(place);
    g_auto(Move) second = move_of(place);
    g_auto(Move) third = move_of(place);

    (void)unused;
    run(&first);
    g_assert_no_error(first.sent);
    g_assert_no_error(first.received);
    g_assert_cmpuint(first.receipt.sent, ==, place->data);
    assert_arrived(place);

    change(place, place->data / 100, 20 * MIB + 5000);
    run(&second);
    g_assert_no_error(second.sent);
    g_test_message("1 %% changed: %.2f %% on the wire",
                   100.0 * (double)second.line.bytes / (double)place->data);
    g_assert_cmpuint(second.line.bytes * 100, <=, place->data * 3);
    assert_arrived(place);

    run(&third);
    g_assert_cmpuint(third.receipt.sent, ==, 0);
}

static void
test_cut(Place *place, gconstpointer unused)
{
    guint64 total = 0, left = place->data;

    (void)unused;
    for (guint i = 0; i < 10; i++) {
        g_auto(Move) move = move_of(place);
        g_autofree char *target = g_build_filename(place->target, "disk.0", NULL);

        move.line.cut = left * 9 / 10;
        run(&move);
        g_assert_nonnull(move.sent);
        assert_error_text(move.received, DRV_ERROR_REMOTE, "the line is cut");
        g_assert_false(g_file_test(target, G_FILE_TEST_EXISTS));
        total += move.line.bytes;
        left = MAX(left / 10, 64 * 1024);
    }
    {
        g_auto(Move) move = move_of(place);

        run(&move);
        g_assert_no_error(move.sent);
        total += move.line.bytes;
    }
    g_test_message("cut ten times at 90 %%: %.3f of the data on the wire",
                   (double)total / (double)place->data);
    g_assert_cmpuint(total * 10, <=, (guint64)place->data * 13);
    assert_arrived(place);
}

static void
test_lie(Place *place, gconstpointer unused)
{
    guint found = 0;

    (void)unused;
    for (guint64 at = 1; at < place->data; at = at * 3 + 1) {
        g_auto(Move) move = move_of(place);

        scratch_put(place->target, "disk.0", "what was there");
        move.line.lie = at;
        run(&move);
        if (move.received == NULL) { /* some bytes of heads mean nothing */
            assert_arrived(place);
            continue;
        }
        g_assert_nonnull(move.sent);
        found++;
        {
            g_auto(DrvFd) fd = reopen(place->target, "disk.0");
            g_autoptr(GString) text = content_of(fd);

            g_assert_cmpstr(text->str, ==, "what was there");
        }
    }
    g_assert_cmpuint(found, >, 5);
}

/* Each byte on the line, with little data: what is published is what the sender has, and
 * who fails says why.
 */
static void
test_every_byte(Place *place, gconstpointer unused)
{
    g_autofree char *source = g_build_filename(place->source, "disk.0", NULL);
    guint64 total = 1;

    (void)unused;
    g_assert_cmpint(truncate(source, 0), ==, 0);
    change(place, 100, 70000);
    for (guint64 at = 0; at <= total; at++) {
        g_auto(Move) move = move_of(place);

        scratch_put(place->target, "disk.0", "what was there");
        move.line.lie = at;
        run(&move);
        if (at == 0)
            total = move.line.bytes;
        if (move.received == NULL)
            assert_arrived(place);
        else
            g_assert_nonnull(move.sent);
    }
    g_assert_cmpuint(total, >, 200);
}

static void
test_blocks(void)
{
    const struct {
        guint64 offset, from, file_size;
        guint32 size;
        gboolean fine;
    } cases[] = {
        { 0, 0, 10, 10, TRUE },
        { 0, 0, 10, 11, FALSE },
        { 0, 0, 10, 0, FALSE },
        { 65536, 65536, 65537, 1, TRUE },
        { 65536, 65537, 200000, 1, FALSE },
        { 65000, 0, 200000, 1000, FALSE }, /* of two pieces */
        { 0, 0, 200000, 65537, FALSE },
        { G_MAXUINT64, 0, G_MAXUINT64, 1, FALSE },
        { G_MAXUINT64 - 1, 0, 100, 65536, FALSE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        DrvBlock block = { .offset = cases[i].offset, .size = cases[i].size };
        guint8 wire[DRV_BLOCK_WIRE];
        DrvBlock back;

        drv_block_pack(&block, wire);
        g_assert_cmpint(drv_block_unpack(&back, wire, cases[i].from, cases[i].file_size),
                        ==,
                        cases[i].fine);
    }
}

static GBytes *
offer_of(char type, const char *path)
{
    g_autoptr(GVariant) wire = g_variant_ref_sink(
        g_variant_new_parsed("('', '/x', uint64 0, [(%y, %s, '', uint32 420, uint64 0, "
                             "int64 0, @a(say) [])])",
                             (guchar)type,
                             path));

    return g_variant_get_data_as_bytes(wire);
}

static void
test_offers(void)
{
    static const char *const wrong[] = {
        "",    "/etc/passwd",      "..",       "../x",       "a/../../x",  "a//b",
        "a/.", ".drv-disk.0/lock", "%2E%2E/x", "a/%2E%2E/b", "a%2F..%2Fb", "%zz",
    };
    g_autoptr(GBytes) fine = offer_of('f', "disk.0/a%20b");
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvTree) tree = drv_tree_unpack(fine, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(((DrvEntry *)tree->entries->pdata[0])->path, ==, "disk.0/a b");
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GBytes) offer = offer_of('f', wrong[i]);
        g_autoptr(GError) why = NULL;

        g_test_message("'%s'", wrong[i]);
        g_assert_null(drv_tree_unpack(offer, &why));
        assert_error_text(why, DRV_ERROR_REFUSED, "the offer has an invalid entry");
    }
    {
        g_autoptr(GBytes) device = offer_of('c', "disk.0");
        g_autoptr(GError) why = NULL;

        g_assert_null(drv_tree_unpack(device, &why));
        assert_error_text(why, DRV_ERROR_REFUSED, "the offer has an invalid entry");
    }
}

#define ADD(name, function)                                                              \
    g_test_add(name, Place, NULL, place_set_up, function, place_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/transfer/every-byte", test_every_byte);
    g_test_add_func("/transfer/blocks", test_blocks);
    g_test_add_func("/transfer/offers", test_offers);
    ADD("/transfer/delta", test_delta);
    ADD("/transfer/cut", test_cut);
    ADD("/transfer/lie", test_lie);
    return g_test_run();
}
