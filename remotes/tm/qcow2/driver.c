/* SPDX-License-Identifier: Apache-2.0 */
/* qcow2: images and VM directories on storage that the hosts share; disks are overlays.
 */
#include "tm/tm.h"

TM_SLOT(clone, overlay_clone);
TM_SLOT(ln, overlay_ln);
TM_SLOT(mv, tm_mv_op);
TM_SLOT(mvds, overlay_mvds);
TM_SLOT(cpds, overlay_cpds);
TM_SLOT(delete, tm_delete_op);
TM_SLOT(context, tm_put_op);
TM_SLOT(mkimage, tm_mkimage_op);
TM_SLOT(mkswap, tm_mkswap_op);
TM_SLOT(monitor, tm_monitor_op);
TM_SLOT(premigrate, tm_noop_migrate);
TM_SLOT(postmigrate, tm_postmigrate_op);
TM_SLOT(failmigrate, tm_noop_migrate);
TM_SLOT(resize, tm_resize_op);
TM_SLOT(snap_create, overlay_snap_create);
TM_SLOT(snap_create_live, overlay_snap_create_live);
TM_SLOT(snap_delete, overlay_snap_delete);
TM_SLOT(snap_revert, overlay_snap_revert);
