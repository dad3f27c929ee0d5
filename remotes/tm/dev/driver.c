/* SPDX-License-Identifier: Apache-2.0 */
/* dev: an image is a block device of the hosts; a disk is a link to it. */
#include "tm/tm.h"

TM_SLOT(clone, dev_link);
TM_SLOT(ln, dev_link);
TM_SLOT(mv, tm_noop_mv);
TM_SLOT(mvds, tm_noop_mvds);
TM_SLOT(delete, tm_noop_delete);
TM_SLOT(premigrate, tm_noop_migrate);
TM_SLOT(postmigrate, tm_noop_migrate);
TM_SLOT(failmigrate, tm_noop_migrate);
