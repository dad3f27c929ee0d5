/* SPDX-License-Identifier: Apache-2.0 */
/* base/load-isal.h - ISA-L's inflate, loaded when it is first needed: see base/load.h.
 *
 * What it does, zlib does as well, three times slower; so a host may be without it.
 */
#pragma once

#include <isa-l/igzip_lib.h>

#include "base/load.h"

#define DRV_ISAL_FUNCTIONS(_)                                                            \
    _(isal_inflate)                                                                      \
    _(isal_inflate_init)                                                                 \
    _(isal_inflate_reset)

typedef struct {
    DRV_ISAL_FUNCTIONS(DRV_LOAD_MEMBER)
} DrvIsalFunctions;
extern DrvIsalFunctions drv_isal;

#define isal_inflate drv_isal.isal_inflate
#define isal_inflate_init drv_isal.isal_inflate_init
#define isal_inflate_reset drv_isal.isal_inflate_reset
