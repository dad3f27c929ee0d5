/* SPDX-License-Identifier: Apache-2.0 */
/* memory_encryption - memory encryption for guests (7.2) */
#include "im/base/im.h"

IM_PROBE(im_memory_encryption)
