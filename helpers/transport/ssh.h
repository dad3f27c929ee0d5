/* SPDX-License-Identifier: Apache-2.0 */
/* transport/ssh.h - connections to hosts, kept and shared between actions.
 *
 * ssh's own multiplexing does the sharing (ControlMaster, ControlPersist), with control
 * sockets in a directory of ours.  A host gets up to DRV_SSH_MASTERS connections of
 * DRV_SSH_SESSIONS sessions each, fewer than sshd's default limit of ten; a session slot
 * is a byte lock in the host's lock file, and whoever opens a connection locks it so that
 * others wait and then share it.  The admin's ssh_config applies in all else.  Sessions
 * over a connection that is there are started by transport/ssh-mux.h, without an ssh.
 *
 * one-native.conf: SSH_MULTIPLEX (yes), SSH_PERSIST (seconds, 60), SSH_CONNECT_TIMEOUT
 * (seconds, 10).
 */
#pragma once

#include <glib.h>

#include "cmd/cmd.h"

#define DRV_SSH_MASTERS 5
#define DRV_SSH_SESSIONS 8

typedef struct {
    char *host;
    gboolean multiplex;
    guint connect_timeout_s;
    guint persist_s;
    char *control_path; /* NULL without multiplexing */
    int lock_fd;        /* -1 or the host's lock file with our slot locked */
    guint master;       /* which connection */
    gboolean opening;   /* we hold the lock for opening it */
    gboolean agent;     /* ForwardAgent */
} DrvSsh;
#define DRV_SSH_INIT                                                                     \
    {                                                                                    \
        NULL, FALSE, 0, 0, NULL, -1, 0, FALSE, FALSE                                     \
    }

/* Get a session slot for @host; waits when all are taken. */
gboolean
drv_ssh_open(DrvSsh *ssh, const char *host, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void drv_ssh_clear(DrvSsh *ssh);

/* The same for a session that gets our ssh agent, if there is one.  A connection that is
 * shared would hand it to all sessions, so this one is not.
 */
gboolean drv_ssh_open_with_agent(DrvSsh *ssh,
                                 const char *host,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DrvSsh, drv_ssh_clear)

/* "ssh … -- host", to which the remote command is appended; or the same for sftp, with
 * @batch (may be NULL) as the file of its commands.
 */
DrvCmd *drv_ssh_cmd(const DrvSsh *ssh, const char *program, const char *batch);

/* TRUE when the session would go over a connection that is there already. */
gboolean drv_ssh_is_reused(const DrvSsh *ssh);

/* The far end has answered: the connection is good, let others share it. */
void drv_ssh_established(DrvSsh *ssh);

/* The shared connection does not answer: forget it, the next session opens a new one. */
void drv_ssh_forget(DrvSsh *ssh);
