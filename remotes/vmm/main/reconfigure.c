/* SPDX-License-Identifier: Apache-2.0 */
/* reconfigure - insert the new context CD.
 *
 *   reconfigure DEPLOY_ID TARGET ISO VM_ID HOST < document
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = { .type = &vmm_reconfigure,
                                      .what = "insert the context CD of" };

    return vmm_main(argc, argv, &action);
}
