/* SPDX-License-Identifier: Apache-2.0 */
/* version - release of the installed tree (up to 5.10) */
#include "im/base/im.h"

IM_PROBE(im_version)
