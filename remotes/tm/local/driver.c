/* SPDX-License-Identifier: Apache-2.0 */
/* local: as ssh, but qcow2 disks are chains, whose snapshots are overlays. */
#include "tm/tm.h"

TM_SLOT(clone, local_clone);
TM_SLOT(ln, local_ln);
TM_SLOT(mvds, local_mvds);
TM_SLOT(snap_create_live, overlay_snap_create_live);
TM_SLOT(snap_delete, overlay_snap_delete);

#include "tm/ssh/driver.c"
