/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot_create - make a snapshot of memory and disks.
 *
 *   snapshot_create DEPLOY_ID NUMBER VM_ID HOST < document
 *
 * Prints: snap-NUMBER
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = { .type = &vmm_snapshot,
                                      .what = "make a snapshot of" };

    return vmm_main(argc, argv, &action);
}
