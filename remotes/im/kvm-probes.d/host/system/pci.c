/* SPDX-License-Identifier: Apache-2.0 */
/* pci - PCI devices for guests */
#include "im/base/im.h"

IM_PROBE(im_pci)
