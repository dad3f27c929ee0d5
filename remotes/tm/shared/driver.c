/* SPDX-License-Identifier: Apache-2.0 */
/* shared: as qcow2, but what front-ends up to 6.0.2 do not tell is taken for raw. */
#include "tm/tm.h"

TM_SLOT(clone, overlay_clone_shared);
TM_SLOT(ln, overlay_ln_shared);

#include "tm/qcow2/driver.c"
