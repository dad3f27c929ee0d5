/* SPDX-License-Identifier: Apache-2.0 */
/* restore - start a domain from its checkpoint.
 *
 *   restore CHECKPOINT HOST DEPLOY_ID VM_ID HOST < document
 *
 * The checkpoint is removed once the domain runs, not before.
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = { .type = &vmm_restore, .what = "restore" };

    return vmm_main(argc, argv, &action);
}
