/* SPDX-License-Identifier: Apache-2.0 */
/* machines_models - machines and CPU models for guests (up to 5.10) */
#include "im/base/im.h"

IM_PROBE(im_machines_models)
