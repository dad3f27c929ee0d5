/* SPDX-License-Identifier: Apache-2.0 */
/* numa - memory nodes, huge pages and cores (up to 5.10) */
#include "im/base/im.h"

IM_PROBE(im_flat_numa)
