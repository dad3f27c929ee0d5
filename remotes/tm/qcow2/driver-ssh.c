/* SPDX-License-Identifier: Apache-2.0 */
/* qcow2, actions with the suffix ".ssh": images on storage that the hosts share, VM
 * directories on the hosts' own.
 */
#include "tm/tm.h"

TM_SLOT(clone, overlay_clone_ssh);
TM_SLOT(ln, overlay_ln_ssh);
TM_SLOT(mv, ssh_mv);
TM_SLOT(mvds, overlay_mvds_ssh);
TM_SLOT(cpds, overlay_cpds);
TM_SLOT(delete, ssh_delete);
TM_SLOT(resize, tm_resize_op);
TM_SLOT(snap_create, overlay_snap_create);
TM_SLOT(snap_create_live, overlay_snap_create_live);
TM_SLOT(snap_delete, overlay_snap_delete);
TM_SLOT(snap_revert, overlay_snap_revert);
