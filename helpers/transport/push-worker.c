/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/push-worker.h"

#include <string.h>
#include <unistd.h>

#include "base/action.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"

#define INSTALL_TIMEOUT_MS 120000
#define CLEAN_TIMEOUT_MS 1500 /* a stopped action must end soon */

/* sftp's batch: a leading '-' lets a line fail. */
static char *
make_batch(const char *dir, const char *worker, const char *new)
{
    return g_strdup_printf("-mkdir %s\n"
                           "-mkdir %s/drv\n"
                           "-mkdir %s/drv/bin\n"
                           "put %s %s\n"
                           "chmod 755 %s\n"
                           "rename %s %s/%s\n",
                           dir,
                           dir,
                           dir,
                           worker,
                           new,
                           new,
                           new,
                           dir,
                           worker);
}

static gboolean
run_batch(const DrvSsh *ssh, const char *batch, guint timeout_ms, GError **error)
{
    g_autoptr(DrvCmd) cmd = drv_ssh_cmd(ssh, "sftp", "-");
    g_auto(DrvFd) remotes = drv_path_open_dir(drv_action_remotes_dir(), error);

    if (remotes < 0 || !drv_cmd_input(cmd, STDIN_FILENO, batch, error))
        return FALSE;
    drv_cmd_cwd(cmd, remotes);
    drv_cmd_timeout(cmd, timeout_ms);
    return drv_cmd_run(cmd, error);
}

/* What came over of a worker that did not get its name. */
static void
remove_rest(const DrvSsh *ssh, const char *new)
{
    DRV_CANCEL_SHIELD();
    g_autofree char *batch = g_strdup_printf("-rm %s\n", new);
    g_autoptr(GError) ignored = NULL;

    if (!run_batch(ssh, batch, CLEAN_TIMEOUT_MS, &ignored))
        drv_ignore(&ignored, "'onehost sync' removes it too");
}

gboolean
drv_push_worker(const DrvSsh *ssh, const char *dir, const char *worker, GError **error)
{
    g_autofree char *id = g_uuid_string_random();
    g_autofree char *new = g_strdup_printf("%s/%s.%s", dir, worker, id);
    g_autofree char *batch = make_batch(dir, worker, new);

    if (run_batch(ssh, batch, INSTALL_TIMEOUT_MS, error))
        return TRUE;
    remove_rest(ssh, new);
    return FALSE;
}
