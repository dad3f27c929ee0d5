/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_features - CPU features that guests can be given (6.8) */
#include "im/base/im.h"

IM_PROBE(im_cpu_features)
