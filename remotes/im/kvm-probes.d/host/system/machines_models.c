/* SPDX-License-Identifier: Apache-2.0 */
/* machines_models - machines and CPU models for guests */
#include "im/base/im.h"

IM_PROBE(im_machines_models)
