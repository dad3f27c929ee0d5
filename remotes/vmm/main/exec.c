/* SPDX-License-Identifier: Apache-2.0 */
/* exec - start a command in the guest.
 *
 *   exec VM_ID HOST COMMAND [BASE64_STDIN] < document
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = { .type = &vmm_exec, .what = "run a command in" };

    return vmm_main(argc, argv, &action);
}
