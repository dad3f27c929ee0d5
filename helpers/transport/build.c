/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/build.h"

const char *
drv_build(void)
{
    return DRV_BUILD;
}
