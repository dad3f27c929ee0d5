/* SPDX-License-Identifier: Apache-2.0 */
/* numa_host - memory nodes, huge pages and cores */
#include "im/base/im.h"

IM_PROBE(im_numa_host)
