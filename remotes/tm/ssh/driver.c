/* SPDX-License-Identifier: Apache-2.0 */
/* ssh: VM directories on the hosts' own disks; images are copied to them and back. */
#include "tm/tm.h"

TM_SLOT(clone, ssh_clone);
TM_SLOT(ln, ssh_ln);
TM_SLOT(mv, ssh_mv);
TM_SLOT(mvds, ssh_mvds);
TM_SLOT(cpds, ssh_cpds);
TM_SLOT(delete, ssh_delete);
TM_SLOT(context, tm_put_op);
TM_SLOT(mkimage, tm_mkimage_op);
TM_SLOT(mkswap, tm_mkswap_op);
TM_SLOT(monitor, tm_noop_monitor);
TM_SLOT(premigrate, ssh_premigrate);
TM_SLOT(postmigrate, ssh_postmigrate);
TM_SLOT(failmigrate, tm_noop_migrate);
TM_SLOT(resize, tm_resize_op);
TM_SLOT(snap_create, overlay_snap_create);
TM_SLOT(snap_create_live, ssh_snap_create_live);
TM_SLOT(snap_delete, ssh_snap_delete);
TM_SLOT(snap_revert, overlay_snap_revert);
