/* SPDX-License-Identifier: Apache-2.0 */
/* prereconfigure - eject the context CD.
 *
 *   prereconfigure DEPLOY_ID TARGET VM_ID HOST < document
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    return vmm_main(argc, argv, &vmm_prereconfigure, "eject the context CD of");
}
