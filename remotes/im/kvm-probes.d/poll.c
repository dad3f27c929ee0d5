/* SPDX-License-Identifier: Apache-2.0 */
/* poll - what each VM does and uses (up to 5.10) */
#include "im/base/im.h"

IM_PROBE(im_flat_poll)
