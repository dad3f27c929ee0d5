/* SPDX-License-Identifier: Apache-2.0 */
/* poll - what each VM uses */
#include "im/base/im.h"

IM_PROBE(im_vm_guest)
