/* SPDX-License-Identifier: Apache-2.0 */
/* reboot - ask the guest to reboot.
 *
 *   reboot DEPLOY_ID HOST VM_ID HOST < document
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = { .type = &vmm_domain, .what = "reboot" };

    return vmm_main(argc, argv, &action);
}
