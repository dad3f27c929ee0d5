/* SPDX-License-Identifier: Apache-2.0 */
/* drv-remote.h - have an op run by the worker of another host.
 *
 * The remote command is always "<remotes>/drv/bin/worker BUILD"; what to do travels as a
 * frame (drv-frame.h) once the worker has said hello, so a connection or worker that
 * turns out to be unusable has never begun to act and may be replaced.
 */
#pragma once

#include <glib.h>

#include "drv-op.h"

/* Run op @name at @host with the packed @fields (sunk).  @live asks for the worker that
 * links libvirt.  All else as drv_place_run(); DRV_ERROR_NO_HOST before the request was
 * sent, and @in was not read then.
 */
gboolean drv_remote_run(const char *host,
                        const char *name,
                        gboolean live,
                        GVariant *fields,
                        DrvSource *in,
                        char **result,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same by a worker process on this machine (for live ops). */
gboolean drv_remote_run_here(const char *name,
                             GVariant *fields,
                             DrvSource *in,
                             char **result,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Build of this program, "0.1.0-1a2b3c4d": front-end and worker must be of the same. */
const char *drv_build(void);
