/* SPDX-License-Identifier: Apache-2.0 */
/* prediction - what the host will probably use */
#include "im/base/im.h"

IM_PROBE(im_prediction)
