/* SPDX-License-Identifier: Apache-2.0 */
/* reset - push a domain's reset button.
 *
 *   reset DEPLOY_ID HOST VM_ID HOST < document
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = { .type = &vmm_domain, .what = "reset" };

    return vmm_main(argc, argv, &action);
}
