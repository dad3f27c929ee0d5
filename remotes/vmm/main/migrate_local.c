/* SPDX-License-Identifier: Apache-2.0 */
/* migrate_local - as migrate, but started on the front-end.
 *
 *   migrate_local DEPLOY_ID DESTINATION SOURCE VM_ID SOURCE < base64-document
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = { .type = &vmm_migrate, .what = "migrate" };

    return vmm_main(argc, argv, &action);
}
