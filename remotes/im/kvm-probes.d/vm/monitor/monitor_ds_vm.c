/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_ds_vm - what the VMs' disks take */
#include "im/base/im.h"

IM_PROBE(im_vm_disks)
