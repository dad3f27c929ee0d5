/* SPDX-License-Identifier: Apache-2.0 */
/* cancel - destroy a domain.
 *
 *   cancel DEPLOY_ID HOST VM_ID HOST < document
 *
 * A domain that is off already is a success.
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = { .type = &vmm_domain, .what = "destroy" };

    return vmm_main(argc, argv, &action);
}
