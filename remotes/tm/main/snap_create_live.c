/* SPDX-License-Identifier: Apache-2.0 */
/* snap_create_live - take a snapshot of a disk of a running VM.
 *
 *   snap_create_live HOST:SYSDIR/disk.N SNAPSHOT_ID VM_ID DS_ID
 *
 * The guest is quiesced for the moment it takes: by its agent, else by a pause.
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
