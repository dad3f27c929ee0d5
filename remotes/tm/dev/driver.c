/* SPDX-License-Identifier: Apache-2.0 */
/* dev: an image is a block device of the hosts; a disk is a link to it. */
#include "tm/tm.h"

TM_SLOT(clone, dev_link);
TM_SLOT(ln, dev_link);
TM_SLOT(mv, tm_no_mv);
TM_SLOT(mvds, tm_no_mvds);
TM_SLOT(delete, tm_no_delete);
TM_SLOT(premigrate, tm_no_migrate);
TM_SLOT(postmigrate, tm_no_migrate);
TM_SLOT(failmigrate, tm_no_migrate);
