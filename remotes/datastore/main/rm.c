/* SPDX-License-Identifier: Apache-2.0 */
/* rm - remove an image with its snapshots.
 *
 *   rm [DUMP|-] IMAGE_ID < dump
 *
 * What is gone already, or was never made, counts as removed.
 */
#include "datastore/ds.h"

int
main(int argc, char **argv)
{
    static const DsAction action = { .type = &ds_rm, .subject = "remove image" };

    return ds_main(argc, argv, &action);
}
