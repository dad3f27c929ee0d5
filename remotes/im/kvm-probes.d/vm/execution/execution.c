/* SPDX-License-Identifier: Apache-2.0 */
/* execution - how commands in guests ended */
#include "im/base/im.h"

IM_PROBE(im_vm_execution)
