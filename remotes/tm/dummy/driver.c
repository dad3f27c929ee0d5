/* SPDX-License-Identifier: Apache-2.0 */
/* dummy: says yes and does nothing, for tests of the front-end. */
#include "tm/tm.h"

TM_SLOT(clone, tm_no_clone);
TM_SLOT(ln, tm_no_clone);
TM_SLOT(mv, tm_no_mv);
TM_SLOT(mvds, tm_no_mvds);
TM_SLOT(cpds, tm_no_cpds);
TM_SLOT(delete, tm_no_delete);
TM_SLOT(context, tm_no_put);
TM_SLOT(mkimage, tm_no_mkimage);
TM_SLOT(mkswap, tm_no_mkswap);
TM_SLOT(monitor, dummy_monitor);
TM_SLOT(premigrate, tm_no_migrate);
TM_SLOT(postmigrate, tm_no_migrate);
TM_SLOT(failmigrate, tm_no_migrate);
TM_SLOT(resize, tm_no_resize);
TM_SLOT(snap_create, tm_no_snapshot);
TM_SLOT(snap_delete, tm_no_snapshot);
TM_SLOT(snap_revert, tm_no_snapshot);
