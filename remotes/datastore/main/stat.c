/* SPDX-License-Identifier: Apache-2.0 */
/* stat - the size of what PATH names, as a guest would see it.
 *
 *   stat [DUMP|-] ID < dump        prints: MB, rounded up
 */
#include "datastore/ds.h"

int
main(int argc, char **argv)
{
    static const DsAction action = { .type = &ds_stat,
                                     .subject = "find the size for request" };

    return ds_main(argc, argv, &action);
}
