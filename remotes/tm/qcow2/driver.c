/* SPDX-License-Identifier: Apache-2.0 */
/* qcow2: images and VM folders on storage that the hosts share; disks are overlays. */
#include "tm/tm.h"

TM_SLOT(clone, qcow2_clone);
TM_SLOT(ln, qcow2_ln);
TM_SLOT(mv, tm_common_mv);
TM_SLOT(mvds, tm_no_mvds);
TM_SLOT(cpds, qcow2_cpds);
TM_SLOT(delete, tm_common_delete);
TM_SLOT(context, tm_common_put);
TM_SLOT(mkimage, tm_common_mkimage);
TM_SLOT(mkswap, tm_common_mkswap);
TM_SLOT(monitor, tm_common_monitor);
TM_SLOT(premigrate, tm_no_migrate);
TM_SLOT(postmigrate, tm_common_postmigrate);
TM_SLOT(failmigrate, tm_no_migrate);
TM_SLOT(resize, tm_common_resize);
TM_SLOT(snap_create, qcow2_snap_create);
TM_SLOT(snap_create_live, qcow2_snap_create_live);
TM_SLOT(snap_delete, qcow2_snap_delete);
TM_SLOT(snap_revert, qcow2_snap_revert);
