/* SPDX-License-Identifier: Apache-2.0 */
/* detach_disk - unplug a disk.
 *
 *   detach_disk DEPLOY_ID PATH TARGET INDEX VM_ID HOST < document
 *
 * A disk that is gone is a success.
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = { .type = &vmm_detach_disk,
                                      .what = "detach a disk from" };

    return vmm_main(argc, argv, &action);
}
