/* SPDX-License-Identifier: Apache-2.0 */
/* snap_delete - remove a snapshot of an image.
 *
 *   snap_delete [DUMP|-] IMAGE_ID < dump
 *
 * What is gone already counts as removed.
 */
#include "datastore/ds.h"

int
main(int argc, char **argv)
{
    static const DsAction action = { .type = &ds_snapshot,
                                     .subject = "delete a snapshot of image" };

    return ds_main(argc, argv, &action);
}
