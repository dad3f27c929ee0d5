/* SPDX-License-Identifier: Apache-2.0 */
#include "tm/ops/arrived.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "image/inspect.h"
#include "tm/tm.h"
#include "transfer/tree.h"
#include "transport/dispatch.h"

#define OFFER_MAX (64 * 1024 * 1024)

typedef struct {
    DrvRequest head;
    char *target; /* the directory of the VM at the destination */
} TmArrived;
DRV_REQUEST_AUTOPTR(TmArrived)

static const DrvField fields[] = {
    DRV_FIELD(TmArrived, target, .flags = DRV_REQUIRED | DRV_PATH),
};
static const DrvRequestType tm_arrived =
    DRV_REQUEST_TYPE("tm.arrived", TmArrived, fields);

/* "25/disk.0", "25/disk.0.snap/1" */
static gboolean
is_disk(const DrvEntry *entry)
{
    const char *below = strchr(entry->path, '/');

    return entry->type == DRV_ENTRY_FILE && below && g_str_has_prefix(below, "/disk.");
}

static int
open_entry(int dir_fd, const char *where, const DrvEntry *entry, GError **error)
{
    return drv_path_open_beneath(
        dir_fd, where, entry->path, O_RDONLY | O_NONBLOCK, 0, error);
}

static gboolean
get_virtual_size(int fd, const DrvEntry *entry, guint64 *size, GError **error)
{
    g_auto(DrvImageInfo) info = { 0 };

    if (!drv_inspect_fd(fd, entry->path, &info, error))
        return FALSE;
    *size = info.virtual_size ? info.virtual_size : info.file_size;
    return TRUE;
}

/* --- at the destination ----------------------------------------------------------------
 */

static gboolean
check_entry(int dir_fd, const char *where, const DrvEntry *entry, GError **error)
{
    mode_t wanted = entry->type == DRV_ENTRY_DIR    ? S_IFDIR
                    : entry->type == DRV_ENTRY_LINK ? S_IFLNK
                                                    : S_IFREG;
    g_auto(DrvFd) fd = -1;
    struct stat info;
    guint64 size;

    if (fstatat(dir_fd, entry->path, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return drv_throw_errno(error, "'%s' has not arrived", entry->path);
    if ((info.st_mode & S_IFMT) != wanted)
        return drv_throw(
            error, DRV_ERROR_REFUSED, "'%s' has arrived as something else", entry->path);
    if (!is_disk(entry))
        return TRUE;
    fd = open_entry(dir_fd, where, entry, error);
    if (fd < 0 || !get_virtual_size(fd, entry, &size, error))
        return FALSE;
    return size >= entry->size ||
           drv_throw(error, DRV_ERROR_REFUSED, "'%s' has arrived too small", entry->path);
}

static GBytes *
read_offer(DrvSource *in, GError **error)
{
    g_autoptr(GByteArray) offer = g_byte_array_new();
    guint8 buffer[64 * 1024];
    gssize got;

    while ((got = drv_source_read(in, buffer, sizeof buffer, error)) > 0) {
        if (offer->len + (gsize)got > OFFER_MAX) {
            drv_throw(error, DRV_ERROR_REFUSED, "the list of files is too long");
            return NULL;
        }
        g_byte_array_append(offer, buffer, (guint)got);
    }
    return got < 0 ? NULL : g_byte_array_free_to_bytes(g_steal_pointer(&offer));
}

static gboolean
check_arrived(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmArrived *request = data;
    g_autofree char *dir = g_path_get_dirname(request->target);
    g_auto(DrvFd) dir_fd = drv_path_open_dir(dir, error);
    g_autoptr(GBytes) offer = dir_fd < 0 ? NULL : read_offer(in, error);
    g_autoptr(DrvTree) tree = offer ? drv_tree_unpack(offer, error) : NULL;

    (void)result;
    if (tree == NULL)
        return FALSE;
    for (guint i = 0; i < tree->entries->len; i++) {
        if (!check_entry(dir_fd, dir, tree->entries->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}

static const DrvOp check_arrived_op = {
    .name = "tm.check_arrived",
    .request = &tm_arrived,
    .run = check_arrived,
};
DRV_OP_REGISTER(check_arrived_op);

/* --- at the source ---------------------------------------------------------------------
 */

static DrvTree *
read_tree(int ds_fd, const char *ds, const char *vm, GError **error)
{
    const DrvSendRoot root = { .dir_fd = ds_fd, .where = ds, .name = vm, .as = vm };
    const DrvSend send = { .roots = &root, .n_roots = 1 };

    return drv_tree_read(&send, error);
}

static gboolean
each_disk(const DrvTree *tree,
          int ds_fd,
          const char *ds,
          gboolean (*visit)(int fd, DrvEntry *entry, GError **error),
          GError **error)
{
    for (guint i = 0; i < tree->entries->len; i++) {
        DrvEntry *entry = tree->entries->pdata[i];
        g_auto(DrvFd) fd = is_disk(entry) ? open_entry(ds_fd, ds, entry, error) : -1;

        if (is_disk(entry) && (fd < 0 || !visit(fd, entry, error)))
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_unlocked(int fd, DrvEntry *entry, GError **error)
{
    return !drv_fd_is_locked(fd) ||
           drv_throw(error, DRV_ERROR_REFUSED, "'%s' is in use", entry->path);
}

/* What the destination has to compare with: the size that the guest sees. */
static gboolean
measure(int fd, DrvEntry *entry, GError **error)
{
    return get_virtual_size(fd, entry, &entry->size, error);
}

static gboolean
has_arrived(const TmLeft *left, const DrvTree *tree, GError **error)
{
    g_autoptr(TmArrived) request = drv_request_new(&tm_arrived);
    g_autoptr(DrvSource) in = NULL;
    g_autoptr(GBytes) offer = NULL;

    if (!each_disk(tree, left->ds_fd, left->ds, measure, error))
        return FALSE;
    offer = drv_tree_pack(tree);
    in = drv_source_new_memory(
        g_bytes_get_data(offer, NULL), g_bytes_get_size(offer), "the list of files");
    request->target = g_strdup(left->target);
    return drv_dispatch(left->host, &check_arrived_op, request, in, NULL, error);
}

gboolean
tm_left_remove(const TmLeft *left, GError **error)
{
    const char *const targets[] = { left->vm, NULL };
    g_autoptr(DrvTree) tree = read_tree(left->ds_fd, left->ds, left->vm, error);
    g_autoptr(GError) why = NULL;

    if (tree == NULL || !each_disk(tree, left->ds_fd, left->ds, check_unlocked, error))
        return FALSE;
    if (has_arrived(left, tree, &why))
        return drv_stage_delete(left->stage, left->ds_fd, left->ds, targets, error);
    /* The VM runs there: an error would make the front-end look for it here. */
    drv_warn("the directory stays %s, too: %s", left->place, why->message);
    return TRUE;
}
