/* SPDX-License-Identifier: Apache-2.0 */
/* linux_usage - use of processors, memory and network */
#include "im/base/im.h"

IM_PROBE(im_linux_usage)
