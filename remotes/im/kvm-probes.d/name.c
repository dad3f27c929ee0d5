/* SPDX-License-Identifier: Apache-2.0 */
/* name - the host's name (up to 5.10) */
#include "im/base/im.h"

IM_PROBE(im_name)
