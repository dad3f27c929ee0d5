/* SPDX-License-Identifier: Apache-2.0 */
/* transport/ssh-mux.h - a session over a connection that ssh keeps, without another ssh.
 *
 * The ssh that opened a connection stays behind as its master and takes sessions from
 * whoever speaks OpenSSH's multiplexing protocol on its control socket, as ssh itself
 * does (version 4, in every release since 5.4; PROTOCOL.mux in OpenSSH's source).
 * Starting an ssh for that costs 8 ms of CPU, asking the master ourselves almost nothing.
 *
 *   if (drv_ssh_mux_start(path, "/usr/bin/thing", &child, &control, error))
 *       ... converse over child.stdin_fd, stdout_fd and stderr_fd, then
 * drv_ssh_mux_wait()
 *
 * The session lasts as long as @control is open.  What a master says is not believed to
 * be well-formed, but the control socket's directory must be one that only we can enter.
 */
#pragma once

#include <glib.h>

#include "cmd/cmd.h"

/* Ask the master at @path for @command on its host, with pipes to us, and do not wait for
 * the answer: a master that cannot or will not do it ends the pipes.  @control is the
 * caller's to close; @child gets no pid.  DRV_ERROR_REMOTE when no master listens there.
 */
gboolean drv_ssh_mux_start(const char *path,
                           const char *command,
                           DrvChild *child,
                           int *control,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Wait up to @timeout_ms for the end of the session; @status as waitpid(2) would have it,
 * exit 255 when the connection was lost, like ssh.  DRV_ERROR_REMOTE with the reason when
 * there never was a session, DRV_ERROR_TIMEOUT, DRV_ERROR_CANCELLED.
 */
gboolean drv_ssh_mux_wait(int control, guint timeout_ms, int *status, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
