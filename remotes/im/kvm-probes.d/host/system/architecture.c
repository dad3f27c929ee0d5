/* SPDX-License-Identifier: Apache-2.0 */
/* architecture - the kind of processor */
#include "im/base/im.h"

IM_PROBE(im_architecture)
