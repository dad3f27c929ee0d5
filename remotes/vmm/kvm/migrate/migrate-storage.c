/* SPDX-License-Identifier: Apache-2.0 */
/* The VM's directory at another place.  What the guest may write to travels with it, into
 * empty images of the same shape; all else is sent before.
 */
#include <string.h>
#include <sys/stat.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"
#include "request/request.h"
#include "vmm/kvm/migrate/migrate.h"

static const DrvDisk *
disk_of(const KvmSender *sender, const struct stat *st)
{
    for (guint i = 0; i < sender->disks->len; i++) {
        const DrvDisk *disk = g_ptr_array_index(sender->disks, i);
        struct stat source;

        if (*disk->source == '/' && stat(disk->source, &source) == 0 &&
            source.st_dev == st->st_dev && source.st_ino == st->st_ino)
            return disk;
    }
    return NULL;
}

static gboolean send_dir(const KvmSender *sender, const char *below, GError **error);

static gboolean
send_entry(const KvmSender *sender, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(sender->migration->directory, name, NULL);
    g_autofree char *text = g_file_read_link(path, NULL);
    const DrvDisk *disk;
    struct stat st;

    if (text)
        return kvm_send_link(sender, text, name, error);
    if (stat(path, &st) < 0)
        return drv_throw_errno(error, "cannot stat '%s'", path);
    if (S_ISDIR(st.st_mode))
        return strchr(name, '/') || send_dir(sender, name, error);
    if (!S_ISREG(st.st_mode))
        return TRUE;
    disk = disk_of(sender, &st);
    if (disk && !disk->readonly && strcmp(disk->device, "cdrom") != 0)
        return kvm_send_image(sender, disk, path, name, error);
    return kvm_send_file(sender, path, name, error);
}

/* A stage, or a checkpoint: of no use to a domain that runs. */
static gboolean
is_left_behind(const char *name)
{
    return *name == '.' || g_str_has_prefix(name, "checkpoint");
}

static gboolean
send_dir(const KvmSender *sender, const char *below, GError **error)
{
    const char *directory = sender->migration->directory;
    g_autofree char *path = g_build_filename(directory, below, NULL);
    g_autoptr(GError) why = NULL;
    g_autoptr(GDir) dir = g_dir_open(path, 0, &why);
    const char *name;

    if (dir == NULL)
        return drv_throw(error, DRV_ERROR_FAILED, "%s", why->message);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *full =
            below ? g_build_filename(below, name, NULL) : g_strdup(name);

        if (!is_left_behind(name) && !send_entry(sender, full, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
kvm_storage_send(KvmMigration *migration, const char *host, GError **error)
{
    g_autoptr(GPtrArray) disks = drv_disk_list(migration->domain, error);
    KvmSender sender = { migration, host, disks, NULL };
    gboolean ok;

    if (disks == NULL)
        return FALSE;
    if (migration->directory == NULL)
        return drv_throw(error,
                         DRV_ERROR_UNSUPPORTED,
                         "the domain's metadata has no directory to move");
    if (!drv_request_check_path("DISK_TARGET_PATH", migration->request->directory, error))
        return FALSE;
    sender.copied = g_ptr_array_new();
    ok = send_dir(&sender, NULL, error);
    g_ptr_array_add(sender.copied, NULL);
    migration->copied = (char **)g_ptr_array_free(sender.copied, FALSE);
    return ok;
}

void
kvm_storage_discard(KvmMigration *migration, const char *host)
{
    DRV_CANCEL_SHIELD();
    KvmSender sender = { .migration = migration, .host = host };
    g_autoptr(GError) error = NULL;

    if (!kvm_send_discard(&sender, &error))
        drv_warn("files remain on the destination: %s", error->message);
}
