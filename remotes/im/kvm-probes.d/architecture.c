/* SPDX-License-Identifier: Apache-2.0 */
/* architecture - the kind of processor (up to 5.10) */
#include "im/base/im.h"

IM_PROBE(im_architecture)
