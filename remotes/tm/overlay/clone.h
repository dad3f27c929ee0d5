/* SPDX-License-Identifier: Apache-2.0 */
/* clone.h - what clone on shared storage and clone.ssh have in common. */
#pragma once

#include "tm/ops/tm-dir.h"
#include "tm/tm.h"

/* Make the disk in @dir: an overlay, a full copy in the layout of one if the request is
 * for a standalone disk, or a plain copy.  @qcow2: an image of whose format the front-end
 * says nothing may be qcow2.
 */
gboolean tm_overlay_clone(const TmClone *request,
                          TmDir *dir,
                          gboolean qcow2,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
