/* SPDX-License-Identifier: Apache-2.0 */
/* exec_cancel - kill the command that exec started.
 *
 *   exec_cancel VM_ID HOST < document
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = { .type = &vmm_exec_cancel,
                                      .what = "cancel the command in" };

    return vmm_main(argc, argv, &action);
}
