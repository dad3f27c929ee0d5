/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the VM's directory, made at another place by the worker there. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/path.h"
#include "image/inspect.h"
#include "transport/dispatch.h"
#include "vmm/kvm/migrate/migrate.h"
#include "vmm/ops/receive.h"

static VmmReceive *
new_request(const KvmSender *sender, const char *kind, const char *name)
{
    return vmm_receive_new(sender->migration->request->directory, kind, name);
}

static gboolean
send(const KvmSender *sender, VmmReceive *request, DrvSource *in, GError **error)
{
    g_autofree char *result = NULL;

    return drv_dispatch(sender->host, &vmm_receive_op, request, in, &result, error) ||
           drv_prefix(error, "cannot create '%s' on the destination", request->name);
}

gboolean
kvm_send_file(const KvmSender *sender, const char *path, const char *name, GError **error)
{
    g_autoptr(VmmReceive) request = new_request(sender, "file", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    g_autoptr(DrvSource) in = fd < 0 ? NULL : drv_source_new_fd(fd, path);

    struct stat st;

    if (in == NULL || fstat(fd, &st) < 0)
        return drv_throw_errno(error, "cannot open '%s'", path);
    request->mode = st.st_mode & 0777;
    return send(sender, request, in, error);
}

gboolean
kvm_send_link(const KvmSender *sender, const char *text, const char *name, GError **error)
{
    g_autoptr(VmmReceive) request = new_request(sender, "link", name);

    g_free(request->target);
    request->target = g_strdup(text);
    return send(sender, request, NULL, error);
}

/* A backing file in the VM's own directory goes along, and on this host any other is
 * where it was; elsewhere its content becomes part of the copy.
 */
static void
take_backing(const KvmSender *sender,
             const char *path,
             DrvImageInfo *info,
             VmmReceive *request)
{
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *full = NULL;
    gboolean follows;

    if (info->backing_file == NULL || info->backing_format == NULL)
        return;
    full = g_canonicalize_filename(info->backing_file, directory);
    follows = *info->backing_file != '/' &&
              drv_path_is_below(full, sender->migration->directory);
    if (!follows && *sender->host)
        return;
    g_free(request->backing);
    g_free(request->backing_format);
    request->backing = g_strdup(follows ? info->backing_file : full);
    request->backing_format = g_strdup(info->backing_format);
}

gboolean
kvm_send_image(const KvmSender *sender,
               const DrvDisk *disk,
               const char *path,
               const char *name,
               GError **error)
{
    g_autoptr(VmmReceive) request = new_request(sender, "image", name);
    g_auto(DrvImageInfo) info = { 0 };
    struct stat st;

    g_free(request->format);
    request->format = g_strdup(disk->format);
    if (stat(path, &st) < 0)
        return drv_throw_errno(error, "cannot stat '%s'", path);
    request->size = (guint64)st.st_size;
    request->mode = st.st_mode & 0777;
    if (strcmp(disk->format, "raw") != 0) {
        if (!drv_inspect_file(AT_FDCWD, path, DRV_INSPECT_FOLLOW, &info, error))
            return FALSE;
        if (info.n_snapshots > 0)
            return drv_throw(error,
                             DRV_ERROR_UNSUPPORTED,
                             "'%s' has %u snapshots inside, which cannot move while the "
                             "guest runs",
                             path,
                             info.n_snapshots);
        request->size = info.virtual_size;
        take_backing(sender, path, &info, request);
    }
    g_ptr_array_add(sender->copied, g_strdup(disk->target));
    return send(sender, request, NULL, error);
}

gboolean
kvm_send_discard(const KvmSender *sender, GError **error)
{
    g_autoptr(VmmReceive) request = new_request(sender, "discard", "");

    return send(sender, request, NULL, error);
}
