/* SPDX-License-Identifier: Apache-2.0 */
/* resize - make a disk larger while its VM is off.
 *
 *   resize HOST:SYSDIR/disk.N SIZE_MB VM_ID DS_ID
 *
 * A disk that has the size already is left alone; of a running VM the hypervisor does it.
 */
#include "tm/tm.h"

static char *
subject(gconstpointer data)
{
    g_autofree char *disk = tm_disk_name(data);

    return g_strdup_printf("resize %s", disk);
}

int
main(int argc, char **argv)
{
    static const TmAction action = { .type = &tm_resize, .subject = subject };

    return tm_main(argc, argv, &action);
}
