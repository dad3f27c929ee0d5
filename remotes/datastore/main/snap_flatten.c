/* SPDX-License-Identifier: Apache-2.0 */
/* snap_flatten - make a snapshot the image, and drop all others.
 *
 *   snap_flatten [DUMP|-] IMAGE_ID < dump
 *
 * An image that is flat already stays as it is.
 */
#include "datastore/ds.h"

int
main(int argc, char **argv)
{
    static const DsAction action = { .type = &ds_snapshot, .subject = "flatten image" };

    return ds_main(argc, argv, &action);
}
