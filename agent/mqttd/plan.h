/* SPDX-License-Identifier: Apache-2.0 */
/* plan.h - where the VMs of a host go.  Nothing but a function of its arguments. */
#pragma once

#include "agent/mqttd/item.h"

typedef struct {
    const char *host;
    gint64 capacity; /* CPUs less active VMs; may be negative */
} PlanHost;

#define PLAN_NONE (-1)

/* Choose a host for each of @n VMs: placement[i] is an index of @hosts, or PLAN_NONE.
 *
 *     compact   the first host until it is full, then the next
 *     scatter   one host after the other, around
 *     auto      the one that has most left; of equal ones the first
 *
 * Each VM takes 1 of a capacity.  Without @overbooking a host that has none left is out;
 * with it, it comes last (compact), in its turn (scatter), or as the numbers say (auto).
 */
void plan_evacuation(EvacuateMode mode,
                     gboolean overbooking,
                     const PlanHost *hosts,
                     guint n_hosts,
                     guint n,
                     int *placement);
