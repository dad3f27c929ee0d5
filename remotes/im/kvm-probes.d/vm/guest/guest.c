/* SPDX-License-Identifier: Apache-2.0 */
/* guest - what guests say of themselves through their agents */
#include "im/base/im.h"

IM_PROBE(im_vm_guest)
