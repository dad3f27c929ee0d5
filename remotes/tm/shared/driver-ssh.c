/* SPDX-License-Identifier: Apache-2.0 */
/* shared, actions with the suffix ".ssh": as qcow2's. */
#include "tm/tm.h"

TM_SLOT(clone, overlay_clone_shared_ssh);
TM_SLOT(ln, overlay_ln_shared_ssh);

#include "tm/qcow2/driver-ssh.c"
