/* SPDX-License-Identifier: Apache-2.0 */
/* virt/migration-private.h - what a migration is asked to be. */
#pragma once

#include "virt/migration.h"
#include "virt/virt-private.h"

struct DrvMigration {
    unsigned flags;
    virTypedParameterPtr params;
    int n_params;
    int max_params;
    guint timeout_s;           /* 0: none */
    gboolean timeout_postcopy; /* else the guest is paused */
};
