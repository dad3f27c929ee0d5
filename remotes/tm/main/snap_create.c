/* SPDX-License-Identifier: Apache-2.0 */
/* snap_create - take a snapshot of a disk whose VM is off.
 *
 *   snap_create HOST:SYSDIR/disk.N SNAPSHOT_ID VM_ID DS_ID
 *
 * A snapshot that is there already, and nothing written since, counts as taken.
 */
#include "tm/tm.h"

static char *
subject(gconstpointer request)
{
    return tm_snapshot_subject("create snapshot", request);
}

int
main(int argc, char **argv)
{
    static const TmAction action = { .type = &tm_snapshot, .subject = subject };

    return tm_main(argc, argv, &action);
}
