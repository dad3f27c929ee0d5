/* SPDX-License-Identifier: Apache-2.0 */
/* clone - make the disk of a VM a copy of an image.
 *
 *   clone FE:SOURCE HOST:SYSDIR/disk.N VM_ID DS_ID
 *
 * Running it again makes the disk again.
 */
#include "tm/tm.h"

static char *
subject(gconstpointer data)
{
    const TmClone *request = data;
    g_autofree char *disk = tm_disk_name(request);

    if (*request->image_id)
        return g_strdup_printf("clone image %s to %s", request->image_id, disk);
    return g_strdup_printf("clone image '%s' to %s", request->source, disk);
}

int
main(int argc, char **argv)
{
    static const TmAction action = { .type = &tm_clone, .subject = subject };

    return tm_main(argc, argv, &action);
}
