/* SPDX-License-Identifier: Apache-2.0 */
/* snap_revert - make an image what it was at a snapshot.
 *
 *   snap_revert [DUMP|-] IMAGE_ID < dump
 *
 * Running it again reverts again.
 */
#include "datastore/ds.h"

int
main(int argc, char **argv)
{
    static const DsAction action = { .type = &ds_snapshot, .subject = "revert image" };

    return ds_main(argc, argv, &action);
}
