/* SPDX-License-Identifier: Apache-2.0 */
/* resize - change memory and CPUs of a running domain.
 *
 *   resize DEPLOY_ID VM_ID HOST < document
 *
 * The same again changes nothing.
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = { .type = &vmm_resize, .what = "resize" };

    return vmm_main(argc, argv, &action);
}
