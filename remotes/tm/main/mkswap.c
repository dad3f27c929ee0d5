/* SPDX-License-Identifier: Apache-2.0 */
/* mkswap - make a volatile swap disk.
 *
 *   mkswap SIZE_MB HOST:SYSDIR/disk.N VM_ID DS_ID
 *
 * Running it again makes the disk again.
 */
#include "tm/tm.h"

static char *
subject(gconstpointer data)
{
    g_autofree char *disk = tm_disk_name(data);

    return g_strdup_printf("make swap space %s", disk);
}

static gboolean
prepare(gpointer data, GError **error)
{
    TmMake *request = data;

    (void)error;
    g_free(request->format);
    request->format = g_strdup("swap");
    return TRUE;
}

int
main(int argc, char **argv)
{
    static const TmAction action = {
        .type = &tm_mkswap,
        .subject = subject,
        .prepare = prepare,
    };

    return tm_main(argc, argv, &action);
}
