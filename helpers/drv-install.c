/* SPDX-License-Identifier: Apache-2.0 */
#include "drv-install.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "drv-action.h"
#include "drv-error.h"
#include "drv-fd.h"
#include "drv-path.h"

#define INSTALL_TIMEOUT_MS 120000

/* sftp's batch: a leading '-' lets a line fail. */
static char *
make_batch(const char *dir, const char *worker)
{
    g_autofree char *id = g_uuid_string_random();

    g_autofree char *new = g_strdup_printf("%s/%s.%s", dir, worker, id);

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

gboolean
drv_install_worker(const DrvSsh *ssh, const char *dir, const char *worker, GError **error)
{
    g_autoptr(DrvCmd) cmd = drv_ssh_cmd(ssh, "sftp", "-");
    g_autofree char *batch = make_batch(dir, worker);
    g_auto(DrvFd) remotes = drv_path_open_dir(drv_remotes_dir(), error);
    g_auto(DrvFd) batch_fd = memfd_create("sftp-batch", MFD_CLOEXEC);

    if (remotes < 0)
        return FALSE;
    if (batch_fd < 0 ||
        !drv_fd_write_all(batch_fd, batch, strlen(batch), "a batch", error) ||
        lseek(batch_fd, 0, SEEK_SET) < 0)
        return drv_throw_errno(error, "cannot write sftp's batch");
    drv_cmd_fd(cmd, 0, batch_fd);
    drv_cmd_cwd(cmd, remotes);
    drv_cmd_timeout(cmd, INSTALL_TIMEOUT_MS);
    return drv_cmd_run(cmd, error);
}
