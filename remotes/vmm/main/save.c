/* SPDX-License-Identifier: Apache-2.0 */
/* save - write a domain's memory to a file and end it.
 *
 *   save DEPLOY_ID CHECKPOINT HOST VM_ID HOST < document
 *
 * An older checkpoint is kept under its time.
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = { .type = &vmm_save, .what = "save" };

    return vmm_main(argc, argv, &action);
}
