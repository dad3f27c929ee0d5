/* SPDX-License-Identifier: Apache-2.0 */
/* dummy: says yes and does nothing, for tests of the front-end. */
#include "datastore/ds.h"

DS_SLOT(cp, dummy_cp);
DS_SLOT(mkfs, dummy_mkfs);
DS_SLOT(rm, dummy_rm);
DS_SLOT(stat, dummy_stat);
DS_SLOT(clone, dummy_clone);
DS_SLOT(monitor, dummy_monitor_ds);
DS_SLOT(snap_delete, dummy_snapshot);
DS_SLOT(snap_revert, dummy_snapshot);
DS_SLOT(snap_flatten, dummy_snapshot);
DS_SLOT(export, dummy_export);
