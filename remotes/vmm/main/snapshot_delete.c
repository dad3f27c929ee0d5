/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot_delete - delete a snapshot with its data.
 *
 *   snapshot_delete DEPLOY_ID NAME VM_ID HOST < document
 *
 * A snapshot that is gone is a success.
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = { .type = &vmm_snapshot,
                                      .what = "delete a snapshot of" };

    return vmm_main(argc, argv, &action);
}
