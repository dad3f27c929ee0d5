/* SPDX-License-Identifier: Apache-2.0 */
/* resize_disk - tell a domain that its disk has grown.
 *
 *   resize_disk DEPLOY_ID DISK_ID SIZE_MIB DOCUMENT HOST VM_ID HOST < document
 *
 * The same again changes nothing.
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = {
        .type = &vmm_resize_disk,
        .what = "resize a disk of",
        .document_arg = 4,
    };

    return vmm_main(argc, argv, &action);
}
