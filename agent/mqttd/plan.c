/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/plan.h"

typedef struct {
    int index; /* of the caller's hosts */
    gint64 capacity;
} Left;

/* Of equal capacity: as given. */
static gint
by_capacity(gconstpointer a, gconstpointer b)
{
    const Left *first = a, *second = b;

    if (first->capacity != second->capacity)
        return first->capacity > second->capacity ? -1 : 1;
    return first->index - second->index;
}

static void
to_end(GArray *left)
{
    Left first = g_array_index(left, Left, 0);

    g_array_remove_index(left, 0);
    g_array_append_val(left, first);
}

/* The first of @left has got a VM: who is first now? */
static void
turn(GArray *left, EvacuateMode mode, gboolean overbooking)
{
    Left *first = &g_array_index(left, Left, 0);
    gboolean full = --first->capacity < 1;

    if (full && !overbooking)
        g_array_remove_index(left, 0);
    else if (mode == MODE_SCATTER || (mode == MODE_COMPACT && full))
        to_end(left);
    if (mode == MODE_AUTO)
        g_array_sort(left, by_capacity);
}

void
plan_evacuation(EvacuateMode mode,
                gboolean overbooking,
                const PlanHost *hosts,
                guint n_hosts,
                guint n,
                int *placement)
{
    g_autoptr(GArray) left = g_array_new(FALSE, FALSE, sizeof(Left));

    for (guint i = 0; i < n_hosts; i++) {
        Left one = { .index = (int)i, .capacity = hosts[i].capacity };

        if (overbooking || one.capacity >= 1)
            g_array_append_val(left, one);
    }
    if (mode == MODE_AUTO)
        g_array_sort(left, by_capacity);
    for (guint i = 0; i < n; i++) {
        placement[i] = left->len ? g_array_index(left, Left, 0).index : PLAN_NONE;
        if (left->len)
            turn(left, mode, overbooking);
    }
}
