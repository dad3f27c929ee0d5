/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/room.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/status-read.h"
#include "base/status.h"

#define MIB (1024.0 * 1024.0)

/* What others in status directory @dir have claimed of this device. */
static guint64
claims(const char *dir, dev_t on)
{
    g_autofree char *device = g_strdup_printf("%u:%u", major(on), minor(on));
    g_autoptr(GPtrArray) entries = drv_status_list_dir(dir, NULL);
    guint64 sum = 0;

    for (guint i = 0; entries && i < entries->len; i++) {
        const DrvStatusEntry *entry = entries->pdata[i];

        if (g_str_equal(drv_status_entry_text(entry, "device"), device) &&
            !drv_status_is_ours(entry->id))
            sum += (guint64)MAX(drv_status_entry_number(entry, "claim", 0), 0);
    }
    return sum;
}

static gboolean
check_room(int fd, const char *where, guint64 claim, guint64 others, GError **error)
{
    struct statvfs fs;
    guint64 room;

    if (fstatvfs(fd, &fs) < 0)
        return drv_throw_errno(error, "cannot get the free space of '%s'", where);
    room = (guint64)fs.f_bavail * fs.f_frsize;
    room = room > others ? room - others : 0;
    return room >= claim ||
           drv_throw(error,
                     DRV_ERROR_NO_SPACE,
                     "no room for %.1f MiB: %.1f MiB are free in '%s'%s",
                     (double)claim / MIB,
                     (double)room / MIB,
                     where,
                     others ? ", beside what other transfers will take" : "");
}

/* One process at a time looks and claims. */
gboolean
drv_room_claim(int fd, const char *where, guint64 bytes, guint64 there, GError **error)
{
    g_autofree char *dir = drv_status_dir();
    g_autofree char *path = dir ? g_build_filename(dir, "claims.lock", NULL) : NULL;
    g_auto(DrvFd) lock =
        path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    guint64 claim = bytes > there ? bytes - there : 0;
    struct stat info;

    if (fstat(fd, &info) < 0)
        return drv_throw_errno(error, "cannot stat '%s'", where);
    if (lock >= 0 && flock(lock, LOCK_EX) < 0)
        return drv_throw_errno(error, "cannot lock '%s'", path);
    if (!check_room(fd, where, claim, dir ? claims(dir, info.st_dev) : 0, error))
        return FALSE;
    drv_status_claim(info.st_dev, claim);
    return TRUE;
}
