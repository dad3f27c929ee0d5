/* SPDX-License-Identifier: Apache-2.0 */
/* version - release of the installed tree */
#include "im/base/im.h"

IM_PROBE(im_version)
