/* SPDX-License-Identifier: Apache-2.0 */
/* mv - move a disk, or the directory of a VM, to another host or system datastore.
 *
 *   mv HOST:SYSDIR/disk.N HOST:SYSDIR/disk.N VM_ID DS_ID
 *   mv HOST:SYSDIR HOST:SYSDIR VM_ID DS_ID
 *
 * What has been moved already counts as moved.
 */
#include "tm/tm.h"

static char *
subject(gconstpointer data)
{
    const TmMove *request = data;
    g_autofree char *disk = tm_disk_name(request);

    return g_strdup_printf(
        "move %s from '%s' on %s", disk, request->source, request->source_host);
}

int
main(int argc, char **argv)
{
    static const TmAction action = { .type = &tm_mv, .subject = subject };

    return tm_main(argc, argv, &action);
}
