/* SPDX-License-Identifier: Apache-2.0 */
/* poll - tell a domain's state and usage (front-ends up to 5.10).
 *
 *   poll DEPLOY_ID HOST VM_ID HOST
 *   poll -t                           of all domains, for the host's probe
 *
 * Prints: STATE=s NAME=value …
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = { .type = &vmm_poll, .what = "poll" };

    return vmm_main(argc, argv, &action);
}
