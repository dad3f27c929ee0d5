/* SPDX-License-Identifier: Apache-2.0 */
/* state - changes of the VMs' states */
#include "im/base/im.h"

IM_PROBE(im_vm_state)
