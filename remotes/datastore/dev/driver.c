/* SPDX-License-Identifier: Apache-2.0 */
/* dev: images are block devices that exist already. */
#include "datastore/ds.h"

DS_SLOT(cp, dev_cp);
DS_SLOT(rm, dev_rm);
DS_SLOT(stat, dev_stat);
DS_SLOT(monitor, dev_monitor);
