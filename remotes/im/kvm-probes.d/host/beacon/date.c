/* SPDX-License-Identifier: Apache-2.0 */
/* date - the time, as a sign of life */
#include "im/base/im.h"

IM_PROBE(im_date)
