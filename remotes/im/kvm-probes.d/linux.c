/* SPDX-License-Identifier: Apache-2.0 */
/* linux - processors, memory and their use (up to 5.10) */
#include "im/base/im.h"

IM_PROBE(im_flat_linux)
