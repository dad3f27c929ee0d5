/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/work.h"

#include "base/error.h"

void
work_time(Work *work, const char *tag, const char *name, gint64 began)
{
    double seconds = (double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC;
    g_autofree char *key = name ? g_strdup_printf("%s-%s", tag, name) : g_strdup(tag);
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    if (work->times)
        json_with_text(
            work->times, key, g_ascii_formatd(text, sizeof text, "%.6f", seconds));
}

Outcome *
work_end(Work *work, const char *name, gint64 began, GError *error)
{
    Outcome *outcome = outcome_new(name, error);

    work->stopped |= drv_error_is(error, DRV_ERROR_CANCELLED);
    g_clear_error(&error);
    work_time(work, "overall", NULL, began);
    outcome->times = g_steal_pointer(&work->times);
    if (work->item->measure)
        work->times = json_object_new_object();
    g_ptr_array_add(work->outcomes, outcome);
    return outcome;
}
