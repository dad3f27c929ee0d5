/* SPDX-License-Identifier: Apache-2.0 */
/* prereconfigure - eject the context CD.
 *
 *   prereconfigure DEPLOY_ID TARGET VM_ID HOST < document
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = { .type = &vmm_prereconfigure,
                                      .what = "eject the context CD of" };

    return vmm_main(argc, argv, &action);
}
