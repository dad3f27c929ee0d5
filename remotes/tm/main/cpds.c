/* SPDX-License-Identifier: Apache-2.0 */
/* cpds - save a disk, or a snapshot of it, as an image.
 *
 *   cpds HOST:SYSDIR/disk.N SOURCE SNAPSHOT_ID|-1 VM_ID DS_ID
 *
 * Nothing stands at SOURCE until the copy is complete.  Running it again copies again.
 */
#include "tm/tm.h"

static char *
subject(gconstpointer data)
{
    const TmStore *request = data;
    g_autofree char *disk = tm_disk_name(request);

    return g_strdup_printf("save %s as image '%s'", disk, request->image);
}

int
main(int argc, char **argv)
{
    static const TmAction action = { .type = &tm_cpds, .subject = subject };

    return tm_main(argc, argv, &action);
}
