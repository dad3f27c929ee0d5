/* SPDX-License-Identifier: Apache-2.0 */
/* recovery - copies of running VMs' disks on their datastore's replica */
#include "im/base/im.h"

IM_PROBE(im_vm_recovery)
