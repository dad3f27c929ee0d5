/* SPDX-License-Identifier: Apache-2.0 */
/* ceph: images are RBD images of a pool. */
#include "datastore/ds.h"

DS_SLOT(cp, ceph_cp);
DS_SLOT(mkfs, ceph_mkfs);
DS_SLOT(rm, ceph_rm);
DS_SLOT(stat, fs_stat);
DS_SLOT(clone, ceph_clone);
DS_SLOT(monitor, ceph_monitor);
DS_SLOT(snap_delete, ceph_snap_delete);
DS_SLOT(snap_revert, ceph_snap_revert);
DS_SLOT(snap_flatten, ceph_snap_flatten);
DS_SLOT(export, ceph_export);
