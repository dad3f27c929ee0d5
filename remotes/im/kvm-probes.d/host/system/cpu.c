/* SPDX-License-Identifier: Apache-2.0 */
/* cpu - the processor's name */
#include "im/base/im.h"

IM_PROBE(im_cpu)
