/* SPDX-License-Identifier: Apache-2.0 */
/* stat - the size of what PATH names, as a guest would see it.
 *
 *   stat [DUMP|-] ID < dump        prints: MB, rounded up
 */
#include "datastore/ds-origin.h"

static gboolean
prepare(gpointer data, DrvDump *dump, GError **error)
{
    (void)dump;
    return ds_origin_read_settings(data, error);
}

int
main(int argc, char **argv)
{
    static const DsAction action = { .type = &ds_stat,
                                     .subject = "find the size for request",
                                     .prepare = prepare };

    return ds_main(argc, argv, &action);
}
