/* SPDX-License-Identifier: Apache-2.0 */
/* updates.c - what changed since a token.
 *
 * Each object that ever changed has one entry, moved to the end with the next number when
 * it changes again: memory is bounded by the number of objects, and of tombstones.  A
 * token is instance and number, as one integer (instance * 2^30 + number, which clients
 * of the interface expect) or as the text "instance.number".  One of another instance, or
 * from before a forgotten tombstone, is answered with all there is.
 */
#include "agent/agentd/agentd.h"

#define MAX_TIMEOUT_S (7 * 86400)
#define NUMBER_BITS 30

typedef struct {
    char *key, *id, *device;
    Class class;
    guint64 number;
    gboolean removed;
} Change;

typedef struct {
    gint64 id;
    guint64 number;
    json_object *changes;
} Barrier;

static void
change_free(Agent *agent, GList *link)
{
    Change *change = link->data;

    g_hash_table_remove(agent->changed, change->key);
    g_queue_delete_link(&agent->changes, link);
    g_free(change->key);
    g_free(change->id);
    g_free(change->device);
    g_free(change);
}

/* Later readers with a token from before cannot be told, so they are told all. */
static void
forget_tombstones(Agent *agent)
{
    for (GList *l = agent->changes.head; l && agent->tombstones > AGENT_MAX_TOMBSTONES;) {
        GList *next = l->next;
        Change *change = l->data;

        if (change->removed) {
            agent->horizon = change->number;
            agent->tombstones--;
            change_free(agent, l);
        }
        l = next;
    }
}

static json_object *
change_json(const Change *change)
{
    return variant(class_name(change->class),
                   change->device ? agent_json_pair(change->id, change->device)
                                  : json_object_new_string(change->id));
}

static void wake(Agent *agent);

static void
note(Agent *agent, Class class, const char *id, const char *device, gboolean removed)
{
    g_autofree char *key =
        store_name(class_word(class), id, device, NULL); /* device may end it */
    GList *link = g_hash_table_lookup(agent->changed, key);
    Change *change;

    if (link == NULL) {
        change = g_new0(Change, 1);
        change->class = class;
        change->id = g_strdup(id);
        change->device = g_strdup(device);
        change->key = g_steal_pointer(&key);
        g_queue_push_tail(&agent->changes, change);
        g_hash_table_insert(agent->changed, change->key, agent->changes.tail);
    } else {
        change = link->data;
        g_queue_unlink(&agent->changes, link);
        g_queue_push_tail_link(&agent->changes, link);
    }
    agent->tombstones += (guint)removed - (guint)change->removed;
    change->removed = removed;
    change->number = ++agent->number;
    forget_tombstones(agent);
    wake(agent);
}

void
updates_changed(Agent *agent, Class class, const char *id, const char *device)
{
    note(agent, class, id, device, FALSE);
}

void
updates_removed(Agent *agent, Class class, const char *id, const char *device)
{
    note(agent, class, id, device, TRUE);
}

/* --- tokens ---------------------------------------------------------------------------
 */

static json_object *
token(const Call *call)
{
    const Agent *agent = call->agent;
    g_autofree char *text = NULL;

    if (!call->extended)
        return json_object_new_int64(
            (gint64)(agent->instance << NUMBER_BITS | agent->number));
    text = g_strdup_printf(
        "%" G_GUINT64_FORMAT ".%" G_GUINT64_FORMAT, agent->instance, agent->number);
    return json_object_new_string(text);
}

/* FALSE: everything has to be told.  *number is 0 then. */
static gboolean
read_token(Call *call, guint64 *number)
{
    json_object *given = arg(call, "last_id");
    const Agent *agent = call->agent;
    guint64 instance = 0;
    gint64 packed;

    *number = 0;
    if (given == NULL)
        return FALSE;
    if (json_object_is_type(given, json_type_string) &&
        strchr(json_object_get_string(given), '.')) {
        char *end;

        instance = g_ascii_strtoull(json_object_get_string(given), &end, 10);
        *number = *end == '.' ? g_ascii_strtoull(end + 1, NULL, 10) : 0;
    } else if (arg_number(call, "last_id", &packed) && packed >= 0) {
        instance = (guint64)packed >> NUMBER_BITS;
        *number = (guint64)packed & ((1u << NUMBER_BITS) - 1);
    }
    if (instance == agent->instance && *number <= agent->number &&
        *number >= agent->horizon)
        return TRUE;
    *number = 0;
    return FALSE;
}

/* --- get ------------------------------------------------------------------------------
 */

static json_object *
barriers_json(const Call *call)
{
    json_object *all = json_object_new_array();

    for (GList *l = call->agent->barriers.head; l; l = l->next) {
        const Barrier *barrier = l->data;
        json_object *pair;

        if (barrier->number <= call->from)
            continue;
        pair = json_object_new_array();
        json_object_array_add(pair, json_object_new_int64(barrier->id));
        json_object_array_add(pair, json_object_get(barrier->changes));
        json_object_array_add(all, pair);
    }
    return all;
}

/* First change after the call's token; NULL: none. */
static GList *
first_after(const Call *call)
{
    GList *first = NULL;

    for (GList *l = call->agent->changes.tail; l; l = l->prev) {
        if (((const Change *)l->data)->number <= call->from)
            break;
        first = l;
    }
    return first;
}

static json_object *
result_of(const Call *call, gboolean complete)
{
    json_object *result = json_object_new_array();
    json_object *ids = json_object_new_array();
    json_object *removed = json_object_new_array();

    for (GList *l = first_after(call); l; l = l->next) {
        const Change *change = l->data;

        json_object_array_add(ids, change_json(change));
        if (change->removed)
            json_object_array_add(removed, change_json(change));
    }
    json_object_array_add(result, barriers_json(call));
    json_object_array_add(result, ids);
    json_object_array_add(result, token(call));
    if (call->extended) {
        json_object *more = json_object_new_object();

        json_object_object_add(more, "removed", json_object_get(removed));
        json_object_object_add(more, "complete", json_object_new_boolean(complete));
        json_object_array_add(result, more);
    }
    json_object_put(removed);
    return result;
}

static gboolean
has_news(const Call *call)
{
    const GList *last = call->agent->changes.tail;
    const GList *barrier = call->agent->barriers.tail;

    return (last && ((const Change *)last->data)->number > call->from) ||
           (barrier && ((const Barrier *)barrier->data)->number > call->from);
}

void
updates_forget(Agent *agent, Call *call)
{
    g_queue_remove(&agent->readers, call);
    if (call->timer)
        g_source_remove(call->timer);
    call->timer = 0;
}

static gboolean
timed_out(gpointer data)
{
    Call *call = data;

    call->timer = 0;
    updates_forget(call->agent, call);
    call_answer(call, result_of(call, FALSE));
    return G_SOURCE_REMOVE;
}

/* Waiting readers are answered from the loop, once, however much changes until then. */
static gboolean
answer_readers(gpointer data)
{
    Agent *agent = data;

    agent->wake = 0;
    for (GList *l = agent->readers.head; l;) {
        GList *next = l->next;
        Call *call = l->data;

        if (has_news(call)) {
            updates_forget(agent, call);
            call_answer(call, result_of(call, FALSE));
        }
        l = next;
    }
    return G_SOURCE_REMOVE;
}

static void
wake(Agent *agent)
{
    if (agent->wake == 0 && agent->readers.head)
        agent->wake = g_idle_add_full(G_PRIORITY_HIGH, answer_readers, agent, NULL);
}

json_object *
updates_get(Call *call)
{
    gint64 timeout = -1;
    gboolean complete;
    json_object *last = arg(call, "last_id");

    call->extended = json_object_get_boolean(arg(call, "extended")) ||
                     (json_object_is_type(last, json_type_string) &&
                      strchr(json_object_get_string(last), '.') != NULL);
    complete = !read_token(call, &call->from);
    if (arg(call, "timeout") && !arg_number(call, "timeout", &timeout)) {
        call->code = -32602;
        return call_fail(call, "Internal_error", json_object_new_string("timeout"));
    }
    if (complete || has_news(call) || timeout == 0)
        return result_of(call, complete);
    call->later = TRUE;
    g_queue_push_tail(&call->agent->readers, call);
    if (timeout > 0) /* g_timeout_add_seconds() may be a quarter of a second early */
        call->timer =
            g_timeout_add((guint)MIN(timeout, MAX_TIMEOUT_S) * 1000, timed_out, call);
    return NULL;
}

json_object *
updates_last_id(Call *call)
{
    call->extended = json_object_get_boolean(arg(call, "extended"));
    return token(call);
}

/* --- barriers -------------------------------------------------------------------------
 */

json_object *
updates_inject_barrier(Call *call)
{
    Agent *agent = call->agent;
    const char *vm_id = arg_text(call, "vm_id");
    gint64 id;
    Barrier *barrier;

    if (vm_id == NULL || !arg_number(call, "id", &id))
        return NULL;
    barrier = g_new0(Barrier, 1);
    barrier->id = id;
    barrier->changes = json_object_new_array();
    for (GList *l = agent->changes.head; l; l = l->next) {
        const Change *change = l->data;

        if (change->class != CLASS_TASK && strcmp(change->id, vm_id) == 0)
            json_object_array_add(barrier->changes, change_json(change));
    }
    barrier->number = ++agent->number;
    g_queue_push_tail(&agent->barriers, barrier);
    wake(agent);
    return NULL;
}

json_object *
updates_remove_barrier(Call *call)
{
    gint64 id;

    if (!arg_number(call, "id", &id))
        return NULL;
    for (GList *l = call->agent->barriers.head; l; l = l->next) {
        Barrier *barrier = l->data;

        if (barrier->id != id)
            continue;
        json_object_put(barrier->changes);
        g_free(barrier);
        g_queue_delete_link(&call->agent->barriers, l);
        break;
    }
    return NULL;
}

void
updates_refresh(Agent *agent, const Vm *vm)
{
    GHashTableIter iter;
    Device *device;

    updates_changed(agent, CLASS_VM, vm->id, NULL);
    g_hash_table_iter_init(&iter, vm->devices);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&device))
        updates_changed(agent, device->class, vm->id, device->name);
}

/* After a start: a reader of another instance is given all that is known. */
void
updates_load(Agent *agent)
{
    GHashTableIter iter;
    const char *id;
    Vm *vm;

    g_hash_table_iter_init(&iter, agent->vms);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&vm))
        updates_refresh(agent, vm);
    g_hash_table_iter_init(&iter, agent->tasks);
    while (g_hash_table_iter_next(&iter, (gpointer *)&id, NULL))
        updates_changed(agent, CLASS_TASK, id, NULL);
}

json_object *
updates_refresh_vm(Call *call)
{
    const char *id = arg_text(call, "id");
    Vm *vm = id ? g_hash_table_lookup(call->agent->vms, id) : NULL;

    if (id == NULL)
        return NULL;
    if (vm == NULL)
        return call_fail_pair(call, "Does_not_exist", "VM", id);
    updates_refresh(call->agent, vm);
    return NULL;
}
