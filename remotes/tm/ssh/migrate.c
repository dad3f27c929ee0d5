/* SPDX-License-Identifier: Apache-2.0 */
/* premigrate, postmigrate: around a live migration in which the hypervisor moves disks.
 *
 * Whether both hosts see the same directory is proved by a file that the source makes in
 * it: then nothing is moved aside, and nothing goes.
 */
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "stage/stage.h"
#include "tm/ops/arrived.h"
#include "tm/ops/tm-dir.h"
#include "tm/ssh/ssh.h"
#include "transport/dispatch.h"
#include "transport/remote.h"

/* --- at the destination ----------------------------------------------------------------
 */

/* "same", "other" or, where there is no such directory, "missing". */
static gboolean
look(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const SshProof *proof = data;
    g_autofree char *dir = g_path_get_dirname(proof->target);
    g_autofree char *nonce = g_build_filename(dir, proof->nonce, NULL);

    (void)in, (void)error;
    if (!drv_path_exists(AT_FDCWD, proof->target))
        *result = g_strdup("missing");
    else
        *result = g_strdup(drv_path_exists(AT_FDCWD, nonce) ? "same" : "other");
    return TRUE;
}

static const DrvField proof_fields[] = {
    DRV_FIELD(SshProof, target, .flags = DRV_REQUIRED | DRV_PATH),
    DRV_FIELD(SshProof, nonce, .flags = DRV_REQUIRED | DRV_LINE),
};
const DrvRequestType ssh_proof = DRV_REQUEST_TYPE("ssh.proof", SshProof, proof_fields);

const DrvOp ssh_look = { .name = "ssh.look", .request = &ssh_proof, .run = look };
DRV_OP_REGISTER(ssh_look);

/* What lies where the VM is going to arrive is not this VM's: it is set aside. */
static gboolean
clear_the_way(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const SshProof *proof = data;
    g_autofree char *dir = g_path_get_dirname(proof->target);
    g_autofree char *name = g_path_get_basename(proof->target);

    (void)in, (void)result;
    return tm_dir_monitor(dir, error) && drv_transfer_set_aside(dir, name, error);
}

const DrvOp ssh_clear_the_way = {
    .name = "ssh.clear_the_way",
    .request = &ssh_proof,
    .run = clear_the_way,
};
DRV_OP_REGISTER(ssh_clear_the_way);

/* --- at the source ---------------------------------------------------------------------
 */

/* Ask @host whether its @target is our @dir, while a file made there stands. */
static gboolean
compare(const TmMigrate *request,
        DrvStage *stage,
        SshProof *proof,
        char **answer,
        GError **error)
{
    g_autofree char *name =
        g_strdup_printf("nonce-%08x%08x", g_random_int(), g_random_int());
    g_autofree char *directory = g_path_get_basename(drv_stage_path(stage));
    g_auto(DrvFd) fd = drv_stage_create(stage, name, error);

    if (fd < 0)
        return FALSE;
    g_free(proof->target);
    g_free(proof->nonce);
    proof->target = drv_path_collapse(request->target);
    proof->nonce = g_build_filename(directory, name, NULL);
    return drv_dispatch(request->destination_host, &ssh_look, proof, NULL, answer, error);
}

/* The directory that the VM has left, in its former datastore. */
static char *
old_directory(const TmMigrate *request)
{
    g_autofree char *target = drv_path_collapse(request->target);
    g_autofree char *new_ds = g_path_get_dirname(target);
    g_autofree char *root = g_path_get_dirname(new_ds);

    if (request->old_ds_id < 0)
        return g_strdup(new_ds);
    return g_strdup_printf("%s/%" G_GINT64_FORMAT, root, request->old_ds_id);
}

static gboolean
premigrate(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmMigrate *request = data;
    g_autofree char *target = drv_path_collapse(request->target);
    g_autofree char *ds = old_directory(request);
    g_autofree char *vm = g_path_get_basename(target);
    g_auto(DrvFd) ds_fd = drv_path_make_dir(ds, error);
    g_autoptr(DrvStage) stage = ds_fd < 0 ? NULL : drv_stage_open(ds_fd, ds, vm, error);
    g_autoptr(SshProof) proof = drv_request_new(&ssh_proof);
    g_autofree char *answer = NULL;

    (void)in, (void)result;
    if (stage == NULL || !compare(request, stage, proof, &answer, error))
        return FALSE;
    return g_strcmp0(answer, "same") == 0 ||
           drv_dispatch(
               request->destination_host, &ssh_clear_the_way, proof, NULL, NULL, error);
}

const DrvOp ssh_premigrate = {
    .name = "ssh.premigrate",
    .request = &tm_migrate,
    .run = premigrate,
};
DRV_OP_REGISTER(ssh_premigrate);

/* The old directory goes only when all that is in it is at the destination, too, which
 * is not this place.
 */
static gboolean
postmigrate(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const TmMigrate *request = data;
    g_autofree char *target = drv_path_collapse(request->target);
    g_autofree char *vm = g_path_get_basename(target);
    g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, request->vm_id);
    g_autofree char *ds = old_directory(request);
    g_auto(DrvFd) ds_fd = drv_path_open_dir(ds, error);
    g_autoptr(DrvStage) stage = ds_fd < 0 ? NULL : drv_stage_open(ds_fd, ds, vm, error);
    g_autoptr(SshProof) proof = drv_request_new(&ssh_proof);
    g_autofree char *answer = NULL;
    TmLeft left;

    (void)in, (void)result;
    if (stage == NULL)
        return FALSE;
    if (!drv_path_exists(ds_fd, vm))
        return TRUE;
    if (!compare(request, stage, proof, &answer, error))
        return FALSE;
    if (g_strcmp0(answer, "same") == 0)
        return TRUE;
    if (g_strcmp0(answer, "missing") == 0 || !g_str_equal(vm, number))
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "'%s' is not on %s, so '%s/%s' is kept",
                         target,
                         request->destination_host,
                         ds,
                         vm);
    left = (TmLeft){ .stage = stage,
                     .ds_fd = ds_fd,
                     .ds = ds,
                     .vm = vm,
                     .host = request->destination_host,
                     .target = target,
                     .place = "at the source" };
    return tm_left_remove(&left, error);
}

const DrvOp ssh_postmigrate = {
    .name = "ssh.postmigrate",
    .request = &tm_migrate,
    .run = postmigrate,
};
DRV_OP_REGISTER(ssh_postmigrate);
