/* SPDX-License-Identifier: Apache-2.0 */
/* dummy: says yes and does nothing, for tests of the front-end. */
#include "tm/tm.h"

TM_SLOT(clone, tm_noop_clone);
TM_SLOT(ln, tm_noop_clone);
TM_SLOT(mv, tm_noop_mv);
TM_SLOT(mvds, tm_noop_mvds);
TM_SLOT(cpds, tm_noop_cpds);
TM_SLOT(delete, tm_noop_delete);
TM_SLOT(context, tm_noop_put);
TM_SLOT(mkimage, tm_noop_mkimage);
TM_SLOT(mkswap, tm_noop_mkswap);
TM_SLOT(monitor, dummy_monitor);
TM_SLOT(premigrate, tm_noop_migrate);
TM_SLOT(postmigrate, tm_noop_migrate);
TM_SLOT(failmigrate, tm_noop_migrate);
TM_SLOT(resize, tm_noop_resize);
TM_SLOT(snap_create, tm_noop_snapshot);
TM_SLOT(snap_delete, tm_noop_snapshot);
TM_SLOT(snap_revert, tm_noop_snapshot);
