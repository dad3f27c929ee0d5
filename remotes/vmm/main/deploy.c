/* SPDX-License-Identifier: Apache-2.0 */
/* deploy - start a domain from its XML.
 *
 *   deploy FILE HOST VM_ID HOST < domain-xml
 *
 * Prints: UUID (its name for front-ends before 5.12)
 *
 * The same again fails: the domain is there.
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    return vmm_main(argc, argv, &vmm_deploy, "deploy");
}
