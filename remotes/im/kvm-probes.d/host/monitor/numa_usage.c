/* SPDX-License-Identifier: Apache-2.0 */
/* numa_usage - free huge pages and memory of each node */
#include "im/base/im.h"

IM_PROBE(im_numa_usage)
