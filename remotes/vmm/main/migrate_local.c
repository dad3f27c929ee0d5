/* SPDX-License-Identifier: Apache-2.0 */
/* migrate_local - as migrate, but started on the front-end.
 *
 *   migrate_local DEPLOY_ID DESTINATION SOURCE VM_ID SOURCE < base64-document
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    return vmm_main(argc, argv, &vmm_migrate, "migrate");
}
