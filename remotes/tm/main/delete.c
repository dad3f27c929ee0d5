/* SPDX-License-Identifier: Apache-2.0 */
/* delete - remove a disk, or the directory of a VM.
 *
 *   delete HOST:SYSDIR/disk.N|HOST:SYSDIR VM_ID DS_ID
 *
 * What is gone already counts as removed.  A link is removed, never what it names.
 */
#include "tm/tm.h"

static char *
subject(gconstpointer data)
{
    g_autofree char *disk = tm_disk_name(data);

    return g_strdup_printf("delete %s", disk);
}

int
main(int argc, char **argv)
{
    static const TmAction action = { .type = &tm_delete, .subject = subject };

    return tm_main(argc, argv, &action);
}
