/* SPDX-License-Identifier: Apache-2.0 */
/* mkimage - make a volatile disk.
 *
 *   mkimage SIZE_MB FORMAT HOST:SYSDIR/disk.N VM_ID DS_ID
 *
 * Running it again makes the disk again.
 */
#include "image/mkfs.h"
#include "tm/tm.h"

static gboolean
prepare(gpointer data, GError **error)
{
    TmMake *request = data;

    return drv_mkfs_read_config(
        request->fs, &request->supported_fs, &request->fs_options, error);
}

static char *
subject(gconstpointer data)
{
    g_autofree char *disk = tm_disk_name(data);

    return g_strdup_printf("make %s", disk);
}

int
main(int argc, char **argv)
{
    static const TmAction action = { .type = &tm_mkimage,
                                     .subject = subject,
                                     .prepare = prepare };

    return tm_main(argc, argv, &action);
}
