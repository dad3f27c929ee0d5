/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot_revert - go back to a snapshot.
 *
 *   snapshot_revert DEPLOY_ID NAME VM_ID HOST < document
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = { .type = &vmm_snapshot,
                                      .what = "revert to a snapshot of" };

    return vmm_main(argc, argv, &action);
}
