/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/action.h"
#include "base/cancel.h"
#include "base/config.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "request/request.h"

#define N_SLOTS (DRV_SSH_MASTERS * DRV_SSH_SESSIONS)
#define OPENING_AT 1000 /* bytes N_SLOTS… are slots, OPENING_AT + master the openers */
#define RETRY_MS 5      /* byte locks have no deadline either */
#define SLOT_TIMEOUT_S 600 /* for a free slot: actions on a host may take that long */
#define ALIVE_INTERVAL_S "15"
#define ALIVE_COUNT "3"

/* --- the directory of the sockets
 * ---------------------------------------------------------
 */

static gboolean
is_private(const char *path)
{
    struct stat info;

    return g_mkdir_with_parents(path, 0700) == 0 && lstat(path, &info) == 0 &&
           S_ISDIR(info.st_mode) && info.st_uid == geteuid() &&
           (info.st_mode & 077) == 0 && access(path, W_OK) == 0;
}

/* A socket's path may have 108 bytes, so the directory must be short. */
static char *
control_dir(void)
{
    g_autofree char *in_var = g_build_filename(drv_action_var_dir(), ".drv-ssh", NULL);
    g_autofree char *in_run = g_strdup_printf("/run/user/%d/drv-ssh", (int)geteuid());
    const char *const choices[] = { "/run/one/drv-ssh", in_run, in_var };

    for (guint i = 0; i < G_N_ELEMENTS(choices); i++) {
        g_autofree char *parent = g_path_get_dirname(choices[i]);

        if (g_file_test(parent, G_FILE_TEST_IS_DIR) && is_private(choices[i]))
            return g_strdup(choices[i]);
    }
    return NULL;
}

/* --- byte locks ------------------------------------------------------------------------
 */

static gboolean
try_lock(int fd, off_t byte)
{
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1
    };

    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

static void
unlock(int fd, off_t byte)
{
    struct flock lock = {
        .l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1
    };

    fcntl(fd, F_OFD_SETLK, &lock);
}

/* Lock one of the bytes; which one comes back in *got. */
static gboolean
wait_for_lock(int fd,
              off_t first,
              guint n,
              guint timeout_s,
              const char *host,
              guint *got,
              GError **error)
{
    gint64 end = g_get_monotonic_time() + (gint64)timeout_s * G_USEC_PER_SEC;

    do {
        for (guint i = 0; i < n; i++) {
            if (try_lock(fd, first + i)) {
                *got = i;
                return TRUE;
            }
        }
        if (drv_poll(NULL, 0, RETRY_MS, error) < 0)
            return FALSE;
    } while (g_get_monotonic_time() < end);
    return drv_throw(error,
                     DRV_ERROR_BUSY,
                     "all connections to %s have been busy for %u s",
                     host,
                     timeout_s);
}

/* --- a session
 * --------------------------------------------------------------------------- */

static gboolean
read_settings(DrvSsh *ssh, GError **error)
{
    g_autoptr(DrvConfig) config = drv_config_load("one-native.conf", error);
    guint64 persist, connect;

    if (config == NULL ||
        !drv_config_get_bool(config, "SSH_MULTIPLEX", TRUE, &ssh->multiplex, error) ||
        !drv_config_get_uint(config, "SSH_PERSIST", 60, &persist, error) ||
        !drv_config_get_uint(config, "SSH_CONNECT_TIMEOUT", 10, &connect, error))
        return FALSE;
    ssh->persist_s = (guint)MIN(persist, G_MAXINT);
    ssh->connect_timeout_s = (guint)CLAMP(connect, 1, 600);
    return TRUE;
}

static gboolean
take_slot(DrvSsh *ssh, const char *directory, GError **error)
{
    g_autofree char *digest =
        g_compute_checksum_for_string(G_CHECKSUM_SHA256, ssh->host, -1);
    g_autofree char *locks = g_strdup_printf("%s/%.16s.locks", directory, digest);
    guint slot, ignored;

    ssh->lock_fd = open(locks, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (ssh->lock_fd < 0)
        return drv_throw_errno(error, "cannot open '%s'", locks);
    if (!wait_for_lock(ssh->lock_fd, 0, N_SLOTS, SLOT_TIMEOUT_S, ssh->host, &slot, error))
        return FALSE;
    ssh->master = slot / DRV_SSH_SESSIONS;
    ssh->control_path = g_strdup_printf("%s/%.16s.%u", directory, digest, ssh->master);
    if (drv_ssh_is_reused(ssh))
        return TRUE;
    if (!wait_for_lock(ssh->lock_fd,
                       OPENING_AT + ssh->master,
                       1,
                       2 * ssh->connect_timeout_s,
                       ssh->host,
                       &ignored,
                       error))
        return FALSE;
    ssh->opening = TRUE;
    if (drv_ssh_is_reused(ssh))
        drv_ssh_established(ssh);
    return TRUE;
}

gboolean
drv_ssh_open(DrvSsh *ssh, const char *host, GError **error)
{
    g_autofree char *directory = NULL;

    if (!drv_request_check_host("host", host, error) || !read_settings(ssh, error))
        return FALSE;
    ssh->host = g_strdup(host);
    directory = ssh->multiplex ? control_dir() : NULL;
    if (directory == NULL) {
        if (ssh->multiplex)
            drv_debug(
                "no private directory for ssh's control sockets: connections are not shared");
        ssh->multiplex = FALSE;
        return TRUE;
    }
    return take_slot(ssh, directory, error);
}

gboolean
drv_ssh_open_with_agent(DrvSsh *ssh, const char *host, GError **error)
{
    if (!drv_config_has_agent())
        return drv_ssh_open(ssh, host, error);
    if (!drv_request_check_host("host", host, error) || !read_settings(ssh, error))
        return FALSE;
    ssh->host = g_strdup(host);
    ssh->multiplex = FALSE;
    ssh->agent = TRUE;
    return TRUE;
}

void
drv_ssh_clear(DrvSsh *ssh)
{
    drv_fd_close_one(ssh->lock_fd); /* gives the slot back */
    g_free(ssh->host);
    g_free(ssh->control_path);
    *ssh = (DrvSsh)DRV_SSH_INIT;
}

gboolean
drv_ssh_is_reused(const DrvSsh *ssh)
{
    return ssh->control_path && access(ssh->control_path, F_OK) == 0;
}

void
drv_ssh_established(DrvSsh *ssh)
{
    if (ssh->opening)
        unlock(ssh->lock_fd, OPENING_AT + ssh->master);
    ssh->opening = FALSE;
}

/* Only its name goes: sessions of others may still be served by it, and if it is dead it
 * ends by itself.
 */
void
drv_ssh_forget(DrvSsh *ssh)
{
    if (ssh->control_path && unlink(ssh->control_path) < 0 && errno != ENOENT)
        drv_debug("cannot remove '%s': %s", ssh->control_path, g_strerror(errno));
}

DrvCmd *
drv_ssh_cmd(const DrvSsh *ssh, const char *program, const char *batch)
{
    DrvCmd *cmd = drv_cmd_new(program, "-o", "BatchMode=yes", NULL);

    drv_cmd_keep_env(cmd, "SSH_AUTH_SOCK");
    drv_cmd_keep_env(cmd, "USER");
    drv_cmd_keep_env(cmd, "LOGNAME");
    drv_cmd_arg(cmd, "-o");
    drv_cmd_argf(cmd, "ConnectTimeout=%u", ssh->connect_timeout_s);
    drv_cmd_option(cmd, "-o", "ServerAliveInterval=" ALIVE_INTERVAL_S);
    drv_cmd_option(cmd, "-o", "ServerAliveCountMax=" ALIVE_COUNT);
    if (ssh->agent) {
        drv_cmd_option(cmd, "-o", "ForwardAgent=yes");
        drv_cmd_option(cmd, "-o", "ControlPath=none");
    }
    if (ssh->multiplex) {
        drv_cmd_option(cmd, "-o", "ControlMaster=auto");
        drv_cmd_arg(cmd, "-o");
        drv_cmd_argf(cmd, "ControlPersist=%u", ssh->persist_s);
        drv_cmd_arg(cmd, "-o");
        drv_cmd_argf(cmd, "ControlPath=%s", ssh->control_path);
    }
    drv_cmd_option(cmd, "-b", batch);
    drv_cmd_arg(cmd, "--");
    drv_cmd_arg(cmd, ssh->host);
    return cmd;
}
