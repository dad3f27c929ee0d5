/* SPDX-License-Identifier: Apache-2.0 */
/* fs: images are files in a directory. */
#include "datastore/ds.h"

DS_SLOT(cp, fs_store);
DS_SLOT(mkfs, fs_mkfs);
DS_SLOT(rm, fs_rm);
DS_SLOT(stat, fs_stat);
DS_SLOT(clone, fs_clone);
DS_SLOT(monitor, fs_monitor);
DS_SLOT(snap_delete, fs_snap_delete);
DS_SLOT(snap_revert, fs_snap_revert);
DS_SLOT(snap_flatten, fs_snap_flatten);
DS_SLOT(export, fs_export);
