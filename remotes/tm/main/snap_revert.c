/* SPDX-License-Identifier: Apache-2.0 */
/* snap_revert - make a disk what it was at a snapshot.
 *
 *   snap_revert HOST:SYSDIR/disk.N SNAPSHOT_ID VM_ID DS_ID
 *
 * Running it again reverts again.
 */
#include "tm/tm.h"

static char *
subject(gconstpointer request)
{
    return tm_snapshot_subject("revert to snapshot", request);
}

int
main(int argc, char **argv)
{
    static const TmAction action = { .type = &tm_snapshot, .subject = subject };

    return tm_main(argc, argv, &action);
}
