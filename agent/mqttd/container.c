/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/container.h"

#include "agent/mqttd/vm-xml.h"
#include "base/cancel.h"
#include "base/error.h"

#define MAX_AT_ONCE 8 /* items of one task */

static const WorkRun runs[] = {
    [TASK_START] = start_run,     [TASK_STOP] = stop_run,
    [TASK_SUSPEND] = suspend_run, [TASK_RESUME] = resume_run,
    [TASK_MIGRATE] = migrate_run, [TASK_EVACUATE] = evacuate_run,
    [TASK_REPIN] = repin_run,
};

/* --- which VMs -------------------------------------------------------------------------
 */

static void
add_name(GPtrArray *names, const Item *item)
{
    char *name = item->xml ? vm_xml_name(item->xml) : g_strdup(item->name);

    if (name)
        g_ptr_array_add(names, name);
}

GPtrArray *
container_vms(const Message *message, gboolean *alone)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    *alone = !message->concurrent || message->kind == TASK_QUIT ||
             message->kind == TASK_EVACUATE;
    for (guint i = 0; i < message->items->len; i++) {
        const Item *item = g_ptr_array_index(message->items, i);

        *alone |= item->regex != NULL;
        add_name(names, item);
        if (item->swap)
            add_name(names, item->swap);
    }
    return names;
}

/* --- items -----------------------------------------------------------------------------
 */

static Work *
new_work(Container *container, const Item *item, guint number)
{
    g_autofree char *label = g_strdup_printf("%s/%u", container->label, number);

    return work_new(container->config, container->broker, item, label, container->again);
}

static void
run_item(gpointer data, gpointer user_data)
{
    WorkRun run = *(const WorkRun *)user_data;

    run(data);
}

static void
run_items(Container *container, const Message *message)
{
    WorkRun run = runs[message->kind];
    gboolean concurrent = TRUE;
    GThreadPool *pool;

    for (guint i = 0; i < message->items->len; i++) {
        const Item *item = g_ptr_array_index(message->items, i);

        concurrent &= item->concurrent;
        g_ptr_array_add(container->works, new_work(container, item, i));
    }
    if (container->works->len == 1) {
        run(g_ptr_array_index(container->works, 0));
        return;
    }
    pool = g_thread_pool_new(run_item, &run, concurrent ? MAX_AT_ONCE : 1, FALSE, NULL);
    for (guint i = 0; i < container->works->len; i++)
        g_thread_pool_push(pool, g_ptr_array_index(container->works, i), NULL);
    g_thread_pool_free(pool, FALSE, TRUE);
}

/* --- the whole -------------------------------------------------------------------------
 */

static GPtrArray *
outcomes_of(Container *container, gboolean *stopped)
{
    GPtrArray *all = g_ptr_array_new();

    for (guint i = 0; i < container->works->len; i++) {
        Work *work = g_ptr_array_index(container->works, i);

        *stopped |= work->stopped;
        for (guint k = 0; k < work->outcomes->len; k++)
            g_ptr_array_add(all, g_ptr_array_index(work->outcomes, k));
    }
    return all;
}

/* Those of the whole, where there is one; borrowed. */
static json_object *
times_of(Container *container, const Message *message)
{
    return message->kind == TASK_EVACUATE
               ? ((Work *)g_ptr_array_index(container->works, 0))->times
               : NULL;
}

static char *
answer_quit(Container *container, const Message *message)
{
    g_autoptr(GPtrArray) outcomes =
        g_ptr_array_new_with_free_func((GDestroyNotify)outcome_free);

    g_ptr_array_add(outcomes, outcome_new("n/a", NULL));
    return answer_text(container->config, message, outcomes, NULL);
}

gboolean
container_run(Container *container, const char *text, gsize size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Message) message = message_read(text, size, &error);
    g_autoptr(GPtrArray) outcomes = NULL;
    gboolean stopped = FALSE;

    container->works = g_ptr_array_new_with_free_func((GDestroyNotify)work_free);
    if (error) {
        container->answer = answer_refusal(container->config, message, error);
        return TRUE;
    }
    container->quit = message->kind == TASK_QUIT;
    if (container->quit) {
        container->answer = answer_quit(container, message);
        return TRUE;
    }
    run_items(container, message);
    outcomes = outcomes_of(container, &stopped);
    container->answer =
        answer_text(container->config, message, outcomes, times_of(container, message));
    return !stopped;
}

void
container_forget(Container *container)
{
    for (guint i = 0; i < container->works->len; i++)
        rpc_forget_begun(&((Work *)g_ptr_array_index(container->works, i))->rpc);
}

void
container_clear(Container *container)
{
    g_free(container->answer);
    if (container->works)
        g_ptr_array_unref(container->works);
}
