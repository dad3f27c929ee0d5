/* SPDX-License-Identifier: Apache-2.0 */
/* deploy - start a domain from its XML.
 *
 *   deploy FILE HOST VM_ID HOST < domain-xml
 *
 * Prints: UUID (its name for front-ends before 5.12)
 *
 * The same again fails: the domain is there.
 */
#include "vmm/ops/repair.h"
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = {
        .type = &vmm_deploy,
        .what = "deploy",
        .repair = vmm_repair_domain,
    };

    return vmm_main(argc, argv, &action);
}
