/* SPDX-License-Identifier: Apache-2.0 */
/* attach_nic - plug in a network interface or PCI device.
 *
 *   attach_nic DEPLOY_ID MAC BRIDGE MODEL VN_MAD TARGET VM_ID HOST < document
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = { .type = &vmm_attach_nic,
                                      .what = "attach a network interface to" };

    return vmm_main(argc, argv, &action);
}
