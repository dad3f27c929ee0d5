/* SPDX-License-Identifier: Apache-2.0 */
/* snap_delete - remove a snapshot of a disk, running or not.
 *
 *   snap_delete HOST:SYSDIR/disk.N SNAPSHOT_ID VM_ID DS_ID
 *
 * What is gone already counts as removed.
 */
#include "tm/tm.h"

static char *
subject(gconstpointer request)
{
    return tm_snapshot_subject("delete snapshot", request);
}

int
main(int argc, char **argv)
{
    static const TmAction action = { .type = &tm_snapshot, .subject = subject };

    return tm_main(argc, argv, &action);
}
