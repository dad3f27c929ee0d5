/* SPDX-License-Identifier: Apache-2.0 */
/* detach_nic - unplug a network interface or PCI device.
 *
 *   detach_nic DEPLOY_ID MAC VM_ID HOST < document
 *
 * One that is gone is a success.
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = { .type = &vmm_detach_nic,
                                      .what = "detach a network interface from" };

    return vmm_main(argc, argv, &action);
}
