/* SPDX-License-Identifier: Apache-2.0 */
/* wild_vm - VMs that were not started by the front-end */
#include "im/base/im.h"

IM_PROBE(im_wild_vm)
