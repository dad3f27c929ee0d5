/* SPDX-License-Identifier: Apache-2.0 */
/* migrate - move a running domain to another host or datastore.
 *
 *   migrate DEPLOY_ID DESTINATION SOURCE VM_ID SOURCE < document
 *
 * What has arrived already is a success.
 */
#include "vmm/vmm.h"

int
main(int argc, char **argv)
{
    static const VmmAction action = { .type = &vmm_migrate, .what = "migrate" };

    return vmm_main(argc, argv, &action);
}
