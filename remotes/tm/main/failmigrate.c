/* SPDX-License-Identifier: Apache-2.0 */
/* failmigrate - after a live migration that failed.
 *
 *   failmigrate SOURCE_HOST DESTINATION_HOST SYSDIR VM_ID DS_ID [VM_XML] [CALLER_TM] <
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
