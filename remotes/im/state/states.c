/* SPDX-License-Identifier: Apache-2.0 */
#include "im/state/states.h"

#include <string.h>

#include "im/base/im.h"
#include "im/state/states-private.h"
#include "virt/events.h"

#define MISSING_STATE "POWEROFF"
#define SETTLE_US (2 * G_USEC_PER_SEC) /* from the event to the end of the domain */

static void
row_free(gpointer data)
{
    Row *row = data;

    g_free(row->uuid);
    g_free(row);
}

ImStates *
im_states_new(void)
{
    ImStates *states = g_new0(ImStates, 1);

    states->rows = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, row_free);
    return states;
}

void
im_states_keep(ImContext *im)
{
    im->states = im_states_new();
    im->states_free = im_states_free;
}

void
im_states_free(ImStates *states)
{
    if (states == NULL)
        return;
    g_hash_table_destroy(states->rows);
    g_free(states);
}

Row *
im_states_row(ImStates *states, const char *uuid, gint64 id)
{
    Row *row = g_hash_table_lookup(states->rows, uuid);

    if (row == NULL) {
        row = g_new0(Row, 1);
        row->uuid = g_strdup(uuid);
        g_hash_table_insert(states->rows, row->uuid, row);
    }
    row->id = id;
    return row;
}

static void
report(const Row *row, const char *state, GString *out)
{
    g_string_append_printf(out,
                           "VM = [ ID=\"%" G_GINT64_FORMAT
                           "\", DEPLOY_ID=\"%s\", STATE=\"%s\" ]\n",
                           row->id,
                           row->uuid,
                           state);
}

/* A domain that is about to be: here it will run, or a migration comes in that may fail.
 * Either way there is nothing to report yet.  One that has come in with its disks waits a
 * moment for the proof that it has left the other host; it is not suspended.
 */
static gboolean
is_arriving(Row *row, const DrvStats *vm)
{
    gint64 now = g_get_monotonic_time();

    if (row->state)
        return FALSE;
    if (vm->pause != DRV_PAUSE_USER)
        return vm->pause == DRV_PAUSE_MIGRATION || vm->pause == DRV_PAUSE_STARTING;
    if (row->waits_at == 0)
        row->waits_at = now;
    return now - row->waits_at < SETTLE_US;
}

static void
take_active(ImStates *states, const DrvStats *vm, const ImStatesHow *how, GString *out)
{
    gint64 id = im_vm_id(vm->name);
    const char *state = drv_state_word(vm->state, vm->pause);
    Row *row;

    if (!drv_state_is_active(vm->state)) /* on its way out of the list */
        return;
    if (id < 0 && !how->imported)
        return;
    row = im_states_row(states, vm->uuid, id);
    row->seen = TRUE;
    row->missing = 0;
    if (row->stopped && g_get_monotonic_time() - row->stopped_at > SETTLE_US)
        row->stopped = row->moved = FALSE; /* it went on after all */
    if (is_arriving(row, vm) && !how->sync)
        return;
    if (how->sync || g_strcmp0(row->state, state) != 0)
        report(row, state, out);
    row->state = state;
    row->waits_at = 0;
}

/* TRUE when the row is done with. */
static gboolean
take_missing(Row *row, const ImStatesHow *how, GString *out)
{
    if (row->moved || row->state == NULL)
        return TRUE;
    row->missing++;
    if (row->stopped || row->missing >= how->times_missing) {
        report(row, MISSING_STATE, out);
        return TRUE;
    }
    if (how->sync)
        report(row, row->state, out);
    return FALSE;
}

static gint
by_id(gconstpointer a, gconstpointer b)
{
    const Row *one = a, *two = b;

    if (one->id != two->id)
        return one->id < two->id ? -1 : 1;
    return strcmp(one->uuid, two->uuid);
}

void
im_states_compare(ImStates *states,
                  const GPtrArray *active,
                  const ImStatesHow *how,
                  GString *out)
{
    g_autoptr(GList) rows = NULL;

    if (how->sync)
        g_string_append(out, "SYNC_STATE=yes\nMISSING_STATE=" MISSING_STATE "\n");
    for (guint i = 0; i < active->len; i++)
        take_active(states, g_ptr_array_index(active, i), how, out);
    rows = g_list_sort(g_hash_table_get_values(states->rows), by_id);
    for (GList *at = rows; at; at = at->next) {
        Row *row = at->data;

        if (!row->seen && take_missing(row, how, out))
            g_hash_table_remove(states->rows, row->uuid);
        else
            row->seen = FALSE;
    }
}

gboolean
im_states_is_unsettled(const ImStates *states)
{
    GHashTableIter rows;
    gpointer row;

    g_hash_table_iter_init(&rows, states->rows);
    while (g_hash_table_iter_next(&rows, NULL, &row)) {
        if (((Row *)row)->stopped || ((Row *)row)->waits_at)
            return TRUE;
    }
    return FALSE;
}

void
im_states_stopped(ImStates *states, const char *uuid, int detail)
{
    Row *row = g_hash_table_lookup(states->rows, uuid);

    if (row == NULL)
        return;
    row->stopped = TRUE;
    row->stopped_at = g_get_monotonic_time();
    row->moved = detail == DRV_VIRT_STOPPED_MIGRATED || detail == DRV_VIRT_STOPPED_SAVED;
}

void
im_states_started(ImStates *states, const char *uuid)
{
    Row *row = g_hash_table_lookup(states->rows, uuid);

    if (row)
        row->stopped = row->moved = FALSE;
}
