/* SPDX-License-Identifier: Apache-2.0 */
/* transport/push-worker.h - bring our worker to a host that lacks it, over the sftp
 * subsystem. */
#pragma once

#include "transport/ssh.h"

/* Copy <remotes>/@worker of this machine to @dir/@worker on the host ("drv/bin/…"), under
 * a name of its own first and then renamed, so that a half copied one never runs.
 */
gboolean drv_push_worker(const DrvSsh *ssh,
                         const char *dir,
                         const char *worker,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
