/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/watcher/watcher.h"

#include <libvirt/libvirt.h>
#include <string.h>

#include "agent/common/power.h"

#define UNKNOWN_AGAIN_MS 5000

void
known_free(gpointer data)
{
    Known *known = data;

    drv_domain_facts_free(known->facts);
    g_free(known);
}

static gint64
in_ms(guint ms)
{
    return g_get_monotonic_time() + (gint64)ms * 1000;
}

static const char *
source_of(const Watcher *watcher)
{
    return watcher->events ? "derived" : "polled";
}

static gboolean
has(Batch batch, int what)
{
    for (guint i = 0; i < batch.n; i++) {
        if (batch.events[i].what == what)
            return TRUE;
    }
    return FALSE;
}

static void
say_batch(Watcher *watcher, const Known *known, Batch batch)
{
    for (guint i = 0; i < batch.n; i++) {
        const char *detail;
        const char *name = lines_native(&batch.events[i], &detail);

        if (name)
            lines_event(watcher, known, name, "native", detail);
    }
}

/* The incarnation is the number of the event that says of it. */
static Known *
add(Watcher *watcher, DrvDomainFacts *facts)
{
    Known *known = g_new0(Known, 1);

    known->facts = facts;
    known->incarnation = watcher->seq + 1;
    g_hash_table_replace(watcher->known, g_strdup(facts->uuid), known);
    lines_event(watcher, known, "ADDED", source_of(watcher), NULL);
    return known;
}

static void
removed(Watcher *watcher, Known *known)
{
    if (known->ended_unsaid)
        lines_event(watcher, known, "STOPPED", source_of(watcher), NULL);
    lines_event(watcher, known, "REMOVED", source_of(watcher), NULL);
    g_hash_table_remove(watcher->known, known->facts->uuid);
}

/* --- differences -----------------------------------------------------------------------
 */

static gboolean
is_same(const DrvDomainFacts *a, const DrvDomainFacts *b)
{
    return a->state == b->state && a->persistent == b->persistent &&
           a->number == b->number && strcmp(a->name, b->name) == 0;
}

/* What libvirt would have said of the way from @old to what is known now, when it did
 * not.
 */
static void
say_difference(Watcher *watcher, const Known *known, const DrvDomainFacts *old)
{
    const DrvDomainFacts *facts = known->facts;
    gboolean was = drv_state_is_active(old->state);
    gboolean is = drv_state_is_active(facts->state);
    gboolean ran = old->state == DRV_STATE_RUNNING;
    gboolean runs = facts->state == DRV_STATE_RUNNING;
    gboolean another = was && is && old->number >= 0 && old->number != facts->number;
    const char *source = source_of(watcher);

    if (facts->persistent && !old->persistent)
        lines_event(watcher, known, "DEFINED", source, NULL);
    if ((was && !is) || another)
        lines_event(watcher, known, "STOPPED", source, NULL);
    if ((!was && is) || another)
        lines_event(watcher, known, "STARTED", source, NULL);
    if (is && !runs && (ran || !was || another))
        lines_event(watcher, known, "SUSPENDED", source, NULL);
    if (runs && was && !ran && !another)
        lines_event(watcher, known, "RESUMED", source, NULL);
    if (!facts->persistent && old->persistent)
        lines_event(watcher, known, "UNDEFINED", source, NULL);
}

static void
update(Watcher *watcher, Known *known, DrvDomainFacts *facts, Batch batch)
{
    g_autoptr(DrvDomainFacts) old = known->facts;
    gboolean changed = !is_same(old, facts) || known->unknown;

    known->facts = facts;
    known->unknown = FALSE;
    say_batch(watcher, known, batch);
    if (batch.n == 0 && changed)
        say_difference(watcher, known, old);
    if (changed)
        lines_event(watcher, known, "CHANGED", source_of(watcher), NULL);
}

/* libvirt says that a guest has ended before it forgets a domain without definition. */
static void
look_again(Known *known, Batch batch)
{
    gboolean ended =
        !drv_state_is_active(known->facts->state) || has(batch, VIR_DOMAIN_EVENT_STOPPED);

    if (batch.n > 0)
        known->looks = 0;
    if (known->facts->persistent || !ended || known->looks > 1)
        known->look_at = 0;
    else
        known->look_at = in_ms(known->looks ? WATCHER_SETTLE_MS : WATCHER_ENDING_MS);
    known->looks++;
}

void
model_found(Watcher *watcher, DrvDomainFacts *facts, Batch batch)
{
    Known *known = g_hash_table_lookup(watcher->known, facts->uuid);

    /* It was gone, and this is another of the same UUID. */
    if (known && known->gone_at) {
        removed(watcher, known);
        known = NULL;
    }
    if (known) {
        update(watcher, known, facts, batch);
    } else {
        known = add(watcher, facts);
        say_batch(watcher, known, batch);
    }
    look_again(known, batch);
}

/* --- gone ------------------------------------------------------------------------------
 */

/* A domain that came and went between two looks: libvirt's word that it was there. */
static Known *
add_passed(Watcher *watcher, const char *uuid)
{
    DrvDomainFacts *facts = g_new0(DrvDomainFacts, 1);

    facts->name = g_strdup("");
    g_strlcpy(facts->uuid, uuid, sizeof facts->uuid);
    facts->number = -1;
    facts->state = DRV_STATE_OFF;
    return add(watcher, facts);
}

/* Nothing follows what ends a domain without definition, or undefines one that is off;
 * otherwise libvirt may still have something to say.
 */
static gboolean
is_last(const Known *known, Batch batch)
{
    if (has(batch, VIR_DOMAIN_EVENT_STOPPED))
        return !known->facts->persistent || has(batch, VIR_DOMAIN_EVENT_UNDEFINED);
    return has(batch, VIR_DOMAIN_EVENT_UNDEFINED) &&
           !drv_state_is_active(known->facts->state);
}

void
model_missing(Watcher *watcher, const char *uuid, Batch batch)
{
    Known *known = g_hash_table_lookup(watcher->known, uuid);
    gboolean came =
        has(batch, VIR_DOMAIN_EVENT_STARTED) || has(batch, VIR_DOMAIN_EVENT_DEFINED);
    gboolean last, was_active;

    if (known == NULL && came)
        known = add_passed(watcher, uuid);
    if (known == NULL)
        return; /* the tail of one that is reported removed */
    last = is_last(known, batch);
    was_active = drv_state_is_active(known->facts->state);
    known->facts->state = DRV_STATE_OFF;
    known->facts->number = -1;
    known->look_at = 0;
    known->unknown = FALSE;
    known->ended_unsaid =
        (was_active || known->ended_unsaid) && !has(batch, VIR_DOMAIN_EVENT_STOPPED);
    say_batch(watcher, known, batch);
    if (last || !watcher->events)
        removed(watcher, known);
    else if (known->gone_at == 0)
        known->gone_at = in_ms(WATCHER_SETTLE_MS);
}

void
model_unknown(Watcher *watcher, const char *uuid, const char *reason)
{
    Known *known = g_hash_table_lookup(watcher->known, uuid);

    if (known == NULL)
        return; /* the next list tells */
    known->look_at = in_ms(UNKNOWN_AGAIN_MS);
    if (known->unknown)
        return;
    known->unknown = TRUE;
    lines_event(watcher, known, "UNKNOWN", source_of(watcher), reason);
}

/* --- time ------------------------------------------------------------------------------
 */

gint64
model_settle(Watcher *watcher)
{
    g_autoptr(GList) all = g_hash_table_get_values(watcher->known);
    gint64 now = g_get_monotonic_time(), next = 0;

    for (GList *at = all; at; at = at->next) {
        Known *known = at->data;
        gint64 due = known->gone_at ? known->gone_at : known->look_at;

        if (known->gone_at && known->gone_at <= now)
            removed(watcher, known);
        else if (due && (next == 0 || due < next))
            next = due;
    }
    return next;
}

GPtrArray *
model_due(Watcher *watcher)
{
    GPtrArray *due = g_ptr_array_new_with_free_func(g_free);
    gint64 now = g_get_monotonic_time();
    GHashTableIter iter;
    gpointer uuid, value;

    g_hash_table_iter_init(&iter, watcher->known);
    while (g_hash_table_iter_next(&iter, &uuid, &value)) {
        Known *known = value;

        if (known->look_at && known->look_at <= now)
            g_ptr_array_add(due, g_strdup(uuid));
    }
    return due;
}

/* --- lists -----------------------------------------------------------------------------
 */

void
model_load(Watcher *watcher, json_object *list)
{
    for (size_t i = 0;
         json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
         i++) {
        json_object *row = json_object_array_get_idx(list, i);
        const char *uuid = drv_json_text(row, "uuid", "");
        Known *known;

        if (!g_uuid_string_is_valid(uuid))
            continue;
        known = g_new0(Known, 1);
        known->facts = g_new0(DrvDomainFacts, 1);
        g_strlcpy(known->facts->uuid, uuid, sizeof known->facts->uuid);
        known->facts->name = g_strdup(drv_json_text(row, "name", ""));
        known->facts->state = agent_power_state(drv_json_text(row, "state", ""));
        known->facts->number = (int)drv_json_number(row, "domid", -1);
        known->facts->persistent = drv_json_flag(row, "persistent", FALSE);
        known->incarnation = (guint64)drv_json_number(row, "incarnation", 0);
        g_hash_table_replace(watcher->known, g_strdup(uuid), known);
    }
}

json_object *
model_list(Watcher *watcher)
{
    json_object *list = json_object_new_array();
    GHashTableIter iter;
    gpointer known;

    g_hash_table_iter_init(&iter, watcher->known);
    while (g_hash_table_iter_next(&iter, NULL, &known))
        json_object_array_add(list, lines_facts(known));
    return list;
}
