/* SPDX-License-Identifier: Apache-2.0 */
/* linux_host - processors and memory of the host */
#include "im/base/im.h"

IM_PROBE(im_linux_host)
