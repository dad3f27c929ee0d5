/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot_revert - go back to a snapshot.
 *
 *   snapshot_revert DEPLOY_ID NAME VM_ID HOST < document
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    return vmm_main(argc, argv, &vmm_snapshot, "revert to a snapshot of");
}
