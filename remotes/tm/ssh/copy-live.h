/* SPDX-License-Identifier: Apache-2.0 */
/* copy-live.h - a copy of a running disk, as it is at one moment. */
#pragma once

#include "stage/stage.h"
#include "tm/ops/tm-dir.h"
#include "tm/overlay/live.h"

/* Copy the disk that the guest knows as @target to the new file @name ("copy", "snap/0")
 * of @stage: by the hypervisor, while the guest goes on; where it cannot and the disk is
 * raw, with the guest quiet.
 */
gboolean ssh_copy_live(TmLive *live,
                       const TmDisk *disk,
                       const char *target,
                       const char *format,
                       DrvStage *stage,
                       const char *name,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
