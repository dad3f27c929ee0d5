/* SPDX-License-Identifier: Apache-2.0 */
/* mvds - give a disk back to its image at the end of a VM.
 *
 *   mvds HOST:SYSDIR/disk.N SOURCE VM_ID DS_ID
 *
 * Where the disk is the image itself there is nothing to do.
 */
#include "tm/tm.h"

static char *
subject(gconstpointer data)
{
    g_autofree char *disk = tm_disk_name(data);

    return g_strdup_printf("give %s back to its image", disk);
}

int
main(int argc, char **argv)
{
    static const TmAction action = { .type = &tm_mvds, .subject = subject };

    return tm_main(argc, argv, &action);
}
