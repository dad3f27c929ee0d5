/* SPDX-License-Identifier: Apache-2.0 */
/* What the other end of a transfer says.  First byte, even: it sends, and its records are
 * received in a directory in which there is something already; odd: it receives what we
 * send, and these are its records.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "transfer/transfer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MEMORY "/dev/shm"

static char
    *dir; /* in memory, made once: "there" in it is the target, "here" the source */

typedef struct {
    const uint8_t *data;
    size_t size;
} Words;

static gboolean
take(gpointer state, gconstpointer data, gsize size, GError **error)
{
    (void)state, (void)data, (void)size, (void)error;
    return TRUE;
}

static gssize
give(gpointer state, gpointer data, gsize size, GError **error)
{
    Words *words = state;
    gsize n = MIN(size, words->size);

    if (n == 0) {
        (void)drv_throw(error, DRV_ERROR_REMOTE, "the line is cut");
        return -1;
    }
    memcpy(data, words->data, n);
    words->data += n;
    words->size -= n;
    return (gssize)n;
}

static void
say_nothing(DrvLogLevel level, const char *text, gpointer data)
{
    (void)level, (void)text, (void)data;
}

static void
remove_below(const char *name)
{
    g_autoptr(GError) error = NULL;
    g_auto(DrvFd) fd = drv_path_open_dir(dir, &error);

    g_assert_true(fd >= 0 && drv_path_remove_tree(fd, dir, name, &error));
}

static void
remove_dir(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = g_path_get_basename(dir);
    g_auto(DrvFd) fd = drv_path_open_dir(MEMORY, &error);

    g_assert_true(fd >= 0 && drv_path_remove_tree(fd, MEMORY, name, &error));
    g_clear_pointer(&dir, g_free);
}

static void
put(const char *where, const char *name, gsize size)
{
    g_autofree char *parent = g_build_filename(dir, where, NULL);
    g_autofree char *path = g_build_filename(parent, name, NULL);
    g_autofree char *text = g_strnfill(size, 'x');

    g_assert_cmpint(g_mkdir_with_parents(parent, 0700), ==, 0);
    g_assert_true(g_file_set_contents(path, text, (gssize)size, NULL));
}

static void
receive(Words *words)
{
    DrvPeer peer = { take, give, words, "sender" };
    g_autofree char *target = g_build_filename(dir, "there", NULL);
    DrvReceive want = { .dir = target, .key = "disk.0" };
    g_autoptr(GError) error = NULL;
    g_auto(DrvFd) fd = -1;
    g_auto(GStrv) names = NULL;
    gboolean ok;

    put("there", "disk.0", 70000);
    ok = drv_transfer_receive(&peer, &want, &error);
    g_assert(ok == (error == NULL));
    fd = drv_path_open_dir(target, NULL);
    names = drv_path_list(fd, target, NULL);
    for (guint i = 0; names[i]; i++)
        g_assert_true(strstr(names[i], "disk.0") != NULL);
    remove_below("there");
}

static void
send_to(Words *words)
{
    DrvPeer peer = { take, give, words, "receiver" };
    g_autofree char *source = g_build_filename(dir, "here", NULL);
    g_auto(DrvFd) fd = drv_path_open_dir(source, NULL);
    DrvSendRoot root = { fd, source, "disk.0", "disk.0" };
    DrvSend want = { .roots = &root, .n_roots = 1 };
    g_autoptr(GError) error = NULL;
    DrvReceipt receipt;
    DrvPlace place;
    gboolean ok = drv_transfer_send(&peer, &want, &place, &receipt, &error);

    g_assert(ok == (error == NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Words words = { data + 1, size - 1 };

    if (size < 2)
        return 0;
    drv_log_set_sink(say_nothing, NULL);
    if (dir == NULL) {
        dir = g_strdup(MEMORY "/fuzz-transfer.XXXXXX");
        g_assert_nonnull(g_mkdtemp(dir));
        (void)atexit(remove_dir);
        put("here", "disk.0", 200000);
    }
    if (data[0] % 2 == 0)
        receive(&words);
    else
        send_to(&words);
    return 0;
}
