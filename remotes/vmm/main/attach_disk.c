/* SPDX-License-Identifier: Apache-2.0 */
/* attach_disk - plug in a disk.
 *
 *   attach_disk DEPLOY_ID PATH TARGET INDEX DOCUMENT VM_ID HOST < document
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = {
        .type = &vmm_attach_disk,
        .what = "attach a disk to",
        .document_arg = 5,
    };

    return vmm_main(argc, argv, &action);
}
