/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "cmd/cmd.h"
#include "source/copy.h"
#include "stage/stage.h"
#include "vmm/ops/receive.h"

static const DrvField fields[] = {
    DRV_FIELD(VmmReceive, directory, .flags = DRV_REQUIRED | DRV_PATH),
    DRV_FIELD(VmmReceive, name),
    DRV_FIELD(VmmReceive, kind, .flags = DRV_REQUIRED),
    DRV_FIELD(VmmReceive, format),
    DRV_FIELD(VmmReceive, size),
    DRV_FIELD(VmmReceive, backing),
    DRV_FIELD(VmmReceive, backing_format),
    DRV_FIELD(VmmReceive, target),
    DRV_FIELD(VmmReceive, mode),
};
const DrvRequestType vmm_receive = DRV_REQUEST_TYPE("vmm.receive", VmmReceive, fields);

VmmReceive *
vmm_receive_new(const char *directory, const char *kind, const char *name)
{
    VmmReceive *request = drv_request_new(&vmm_receive);

    g_free(request->directory);
    g_free(request->kind);
    g_free(request->name);
    request->directory = g_strdup(directory);
    request->kind = g_strdup(kind);
    request->name = g_strdup(name);
    return request;
}

static gboolean
make_image(const VmmReceive *request, DrvStage *stage, GError **error)
{
    g_autoptr(DrvCmd) cmd = drv_cmd_new("qemu-img", "create", "-q", NULL);

    if (strcmp(request->format, "raw") != 0 && strcmp(request->format, "qcow2") != 0)
        return drv_throw(error,
                         DRV_ERROR_UNSUPPORTED,
                         "unsupported disk format '%s'",
                         request->format);
    drv_cmd_option(cmd, "-f", request->format);
    if (*request->backing) {
        drv_cmd_arg(cmd, "-u"); /* the names are to be right, not yet to lead anywhere */
        drv_cmd_option(cmd, "-b", request->backing);
        drv_cmd_option(cmd, "-F", request->backing_format);
    }
    drv_cmd_argf(cmd, "%s/new", drv_stage_path(stage));
    drv_cmd_argf(cmd, "%" G_GUINT64_FORMAT, request->size);
    return drv_cmd_run(cmd, error);
}

static gboolean
make_file(DrvStage *stage, DrvSource *in, GError **error)
{
    g_auto(DrvFd) fd = drv_stage_create(stage, "new", error);

    if (fd < 0)
        return FALSE;
    return in == NULL || drv_copy_source(in, fd, TRUE, NULL, error);
}

/* No more than the original's, nor than the umask allows here. */
static gboolean
keep_rights(const VmmReceive *request, DrvStage *stage, GError **error)
{
    struct stat info;
    mode_t wanted = (mode_t)request->mode | S_IRWXU;

    if (fstatat(drv_stage_fd(stage), "new", &info, AT_SYMLINK_NOFOLLOW) < 0 ||
        (request->mode > 0 &&
         fchmodat(drv_stage_fd(stage), "new", info.st_mode & wanted & 0777, 0) < 0))
        return drv_throw_errno(error, "cannot take rights from '%s'", request->name);
    return TRUE;
}

static gboolean
make(const VmmReceive *request, DrvStage *stage, DrvSource *in, GError **error)
{
    if (strcmp(request->kind, "link") == 0)
        return drv_stage_link(stage, "new", request->target, error);
    return (strcmp(request->kind, "image") == 0 ? make_image(request, stage, error)
                                                : make_file(stage, in, error)) &&
           keep_rights(request, stage, error);
}

/* The stage is in the VM's directory, also for a name one level down. */
static gboolean
receive(const VmmReceive *request, DrvSource *in, GError **error)
{
    g_auto(DrvFd) dir = drv_path_make_dir(request->directory, error);
    const char *slash = strchr(request->name, '/');
    g_autofree char *below =
        slash ? g_strndup(request->name, slash - request->name) : NULL;
    g_auto(DrvFd) sub = -1;
    g_autoptr(DrvStage) stage = NULL;

    if (dir < 0)
        return FALSE;
    if (below) {
        sub = drv_path_make_beneath(dir, request->directory, below, error);
        if (sub < 0)
            return FALSE;
    }
    stage = drv_stage_open(dir, request->directory, "receive", error);
    if (stage == NULL || !make(request, stage, in, error))
        return FALSE;
    drv_stage_publish(stage, "new", request->name);
    return drv_stage_commit(stage, error) || drv_prefix(error, "'%s'", request->name);
}

static gboolean
discard(const VmmReceive *request, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(request->directory);
    g_autofree char *name = g_path_get_basename(request->directory);
    g_auto(DrvFd) dir = drv_path_open_dir(parent, error);

    return dir >= 0 && drv_path_remove_tree(dir, parent, name, error);
}

static gboolean
receive_files(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const VmmReceive *request = data;

    (void)result;
    if (strcmp(request->kind, "discard") == 0)
        return discard(request, error);
    return receive(request, in, error);
}

const DrvOp vmm_receive_op = { .name = "vmm.receive",
                               .request = &vmm_receive,
                               .run = receive_files };
DRV_OP_REGISTER(vmm_receive_op);
