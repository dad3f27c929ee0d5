/* SPDX-License-Identifier: Apache-2.0 */
/* ceph: disks are RBD images, clones of those of a datastore. */
#include "tm/tm.h"

TM_SLOT(clone, ceph_disk_clone);
TM_SLOT(ln, ceph_disk_ln);
TM_SLOT(mv, ceph_disk_mv);
TM_SLOT(mvds, ceph_disk_mvds);
TM_SLOT(cpds, ceph_disk_cpds);
TM_SLOT(delete, ceph_disk_delete);
TM_SLOT(context, tm_put_op);
TM_SLOT(mkimage, ceph_disk_mkimage);
TM_SLOT(mkswap, ceph_disk_mkswap);
TM_SLOT(monitor, ceph_disk_monitor);
TM_SLOT(premigrate, ceph_premigrate);
TM_SLOT(postmigrate, ceph_postmigrate);
TM_SLOT(failmigrate, tm_noop_migrate);
TM_SLOT(resize, ceph_disk_resize);
TM_SLOT(snap_create, ceph_disk_snap_create);
TM_SLOT(snap_create_live, ceph_disk_snap_create_live);
TM_SLOT(snap_delete, ceph_disk_snap_delete);
TM_SLOT(snap_revert, ceph_disk_snap_revert);
