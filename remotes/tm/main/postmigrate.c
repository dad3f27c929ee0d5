/* SPDX-License-Identifier: Apache-2.0 */
/* postmigrate - after a live migration: what the source host need not keep.
 *
 *   postmigrate SOURCE_HOST DESTINATION_HOST SYSDIR VM_ID DS_ID [VM_XML] [CALLER_TM] <
 * VM_XML
 *
 * Other drivers whose disks the VM has are called too, unless one of them called us.
 */
#include "tm/tm.h"

int
main(int argc, char **argv)
{
    return tm_migrate_main(argc, argv);
}
