/* SPDX-License-Identifier: Apache-2.0 */
/* monitor - how full a datastore is.
 *
 *   monitor [DUMP|-] DS_ID < dump        prints: USED_MB=n FREE_MB=n TOTAL_MB=n
 *
 * A missing directory is made.
 */
#include "datastore/ds.h"

int
main(int argc, char **argv)
{
    static const DsAction action = { .type = &ds_monitor,
                                     .subject = "monitor datastore" };

    return ds_main(argc, argv, &action);
}
