/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "tm/ops/tm-image.h"
#include "tm/overlay/chain-live.h"
#include "virt/block.h"
#include "virt/disk.h"

gboolean
tm_chain_find_above(
    const TmSnapDisk *snap, const char *file, char **above, guint *depth, GError **error)
{
    g_autofree char *at = g_strdup(snap->disk.file);

    *above = NULL;
    for (*depth = 0; !g_str_equal(at, file); (*depth)++) {
        g_autofree char *parent = NULL;
        g_autofree char *number = NULL;

        if (!tm_snap_parent(snap, at, &parent, error))
            return FALSE;
        number = g_path_get_basename(parent);
        g_free(*above);
        *above = g_steal_pointer(&at);
        if (*parent == '\0' ||
            !g_ascii_string_to_unsigned(number, 10, 0, G_MAXUINT32, NULL, NULL)) {
            g_clear_pointer(above, g_free);
            return TRUE;
        }
        at = g_build_filename(snap->disk.snap_dir, number, NULL);
    }
    return TRUE;
}

/* The file that is @depth files below the active one, by the headers; "" below the last.
 */
static gboolean
text_at(const TmSnapDisk *snap, guint depth, char **text, GError **error)
{
    g_autofree char *at = g_strdup(snap->disk.file);

    *text = NULL;
    for (guint i = 0; i < depth; i++) {
        g_autofree char *number = NULL;

        g_clear_pointer(text, g_free);
        if (!tm_snap_parent(snap, at, text, error))
            return FALSE;
        number = g_path_get_basename(*text);
        g_free(at);
        at = g_build_filename(snap->disk.snap_dir, number, NULL);
    }
    return TRUE;
}

/* Bring into the active file what is above the file @depth files down, or above one still
 * deeper.  libvirt writes its own name for that file into the header of the active one,
 * unless names are relative; a name that is a link, and may lead elsewhere by now, must
 * not get there.
 */
gboolean
tm_chain_pull(
    const TmSnapDisk *snap, TmLive *live, const char *target, guint depth, GError **error)
{
    for (;; depth++) {
        g_autofree char *text = NULL;
        g_autofree char *file = NULL;
        g_autofree char *name = NULL;
        g_autofree char *known = NULL;
        g_autofree char *wanted = NULL;

        if (!text_at(snap, depth, &text, error))
            return FALSE;
        if (*text == '\0')
            return drv_block_pull(live->domain, target, NULL, FALSE, error);
        name = drv_disk_chain_name(live->domain, target, depth, &file, error);
        if (name == NULL)
            return FALSE;
        known = drv_path_collapse(file);
        wanted = drv_path_collapse(text);
        if (*text != '/' || g_str_equal(known, wanted))
            return drv_block_pull(live->domain, target, name, *text != '/', error);
    }
}

/* May the hypervisor write to the file @depth files down?  It opens it again by the name
 * that it was started with, and if that is a link of ours it leads to the active file by
 * now.  Also the header above must not get such a name.
 */
gboolean
tm_chain_may_write(const TmSnapDisk *snap,
                   TmLive *live,
                   const char *target,
                   guint depth,
                   const char *file)
{
    g_autofree char *known = NULL;
    g_autofree char *name =
        drv_disk_chain_name(live->domain, target, depth, &known, NULL);
    struct stat ours, theirs;

    return name && lstat(known, &theirs) == 0 && S_ISREG(theirs.st_mode) &&
           fstatat(snap->disk.base_fd, file, &ours, 0) == 0 &&
           ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}
