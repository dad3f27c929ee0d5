/* SPDX-License-Identifier: Apache-2.0 */
/* shutdown - ask the guest to power off, and wait for it.
 *
 *   shutdown DEPLOY_ID HOST VM_ID HOST < document
 *
 * A domain that is off already is a success.
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = { .type = &vmm_domain, .what = "shut down" };

    return vmm_main(argc, argv, &action);
}
