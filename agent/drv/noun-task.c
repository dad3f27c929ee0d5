/* SPDX-License-Identifier: Apache-2.0 */
/* drv task ...: what the agent does, and did. */
#include <string.h>

#include "agent/drv/drv.h"
#include "agent/drv/print.h"
#include "base/headline.h"

static json_object *
find_task(Drv *drv, const char *id, GError **error)
{
    json_object *task = NULL;

    return client_call(&drv->client, "Task.stat", client_args("id", id), 0, &task, error)
               ? task
               : NULL;
}

/* "start VM 'web'" of VM.start, as it was said to begin it. */
static char *
what_of(json_object *task)
{
    const char *operation = drv_json_text(task, "operation", "task");
    const char *verb = strchr(operation, '.');

    return g_strdup_printf(
        "%s VM '%s'", verb ? verb + 1 : operation, drv_json_text(task, "vm", "?"));
}

static gint
by_time(gconstpointer a, gconstpointer b)
{
    double first = json_real(*(json_object *const *)a, "ctime", 0);
    double second = json_real(*(json_object *const *)b, "ctime", 0);

    return first < second ? -1 : first > second;
}

/* VMs are called by name where they still have one: id -> name. */
static GHashTable *
names_of_vms(Drv *drv)
{
    GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(json_object) all = NULL;

    if (!client_call(&drv->client, "VM.list", client_args(NULL, NULL), 0, &all, NULL))
        return names;
    for (gsize i = 0; i < json_size(all); i++) {
        json_object *record = json_element(json_element(all, i), 0);

        g_hash_table_insert(names,
                            g_strdup(drv_json_text(record, "id", "")),
                            g_strdup(drv_json_text(record, "name", "")));
    }
    return names;
}

/* A table has the beginning of a message; drv task show has all of it. */
static char *
cut(const char *message)
{
    g_autofree char *first = drv_headline(message);
    g_autofree char *head = NULL;

    if (g_utf8_strlen(first, -1) <= DRV_HEADLINE)
        return g_steal_pointer(&first);
    head = g_utf8_substring(first, 0, DRV_HEADLINE);
    return g_strconcat(head, "...", NULL);
}

static void
add_row(Table *table, json_object *task, GHashTable *names)
{
    json_object *argument;
    const char *state = agent_json_variant(drv_json_member(task, "state"), &argument);
    gboolean pending = strcmp(state, "Pending") == 0;
    g_autofree char *when = print_time(json_real(task, "ctime", 0));
    g_autofree char *text =
        pending ? g_strdup_printf("%.0f %%", json_object_get_double(argument) * 100)
                : g_strdup(state);
    g_autofree char *more = cut(drv_json_text(task, pending ? "phase" : "message", ""));
    const char *vm = drv_json_text(task, "vm", "");
    const char *name = g_hash_table_lookup(names, vm);

    table_row(table,
              drv_json_text(task, "id", "?"),
              when,
              drv_json_text(task, "operation", "?"),
              name && *name ? name
              : *vm         ? vm
                            : "-",
              text,
              more,
              NULL);
}

static gboolean
task_list(Drv *drv, char **words, GError **error)
{
    g_autoptr(json_object) all = NULL;
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    g_autoptr(GHashTable) names = NULL;
    g_auto(Table) table = TABLE_INIT;

    (void)words;
    if (!client_call(&drv->client, "Task.list", client_args(NULL, NULL), 0, &all, error))
        return FALSE;
    for (gsize i = 0; i < json_size(all); i++)
        g_ptr_array_add(sorted, json_element(all, i));
    g_ptr_array_sort(sorted, by_time);
    names = drv->json ? NULL : names_of_vms(drv);
    table_row(&table, "ID", "QUEUED", "OPERATION", "VM", "STATE", "MORE", NULL);
    for (guint i = 0; i < sorted->len; i++) {
        if (drv->json)
            print_json(g_ptr_array_index(sorted, i), FALSE);
        else
            add_row(&table, g_ptr_array_index(sorted, i), names);
    }
    if (!drv->json)
        table_print(&table);
    return TRUE;
}

static gboolean
task_show(Drv *drv, char **words, GError **error)
{
    g_autoptr(json_object) task = find_task(drv, words[0], error);

    if (task == NULL)
        return FALSE;
    if (drv->json)
        print_json(task, FALSE);
    else
        print_tree(task);
    return TRUE;
}

static int wait_timeout;

static const GOptionEntry wait_options[] = {
    { "timeout",
      0,
      0,
      G_OPTION_ARG_INT,
      &wait_timeout,
      "Give up after so long",
      "SECONDS" },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
};

static gboolean
task_wait(Drv *drv, char **words, GError **error)
{
    g_autoptr(json_object) task = find_task(drv, words[0], error);
    g_autofree char *what = task ? what_of(task) : NULL;

    return task && follow_task(drv, words[0], what, wait_timeout, NULL, error);
}

/* A cancel is done when the task is final: then it is known what it was. */
static gboolean
task_cancel(Drv *drv, char **words, GError **error)
{
    g_autoptr(json_object) task = find_task(drv, words[0], error);
    g_autoptr(json_object) nothing = NULL;
    g_autoptr(GError) why = NULL;
    g_autofree char *what = task ? what_of(task) : NULL;

    if (task == NULL ||
        !client_call(
            &drv->client, "Task.cancel", client_args("id", words[0]), 0, &nothing, error))
        return FALSE;
    if (drv->no_wait)
        return TRUE;
    if (follow_task(drv, words[0], what, 0, NULL, &why))
        return drv_throw(error, DRV_ERROR_FAILED, "too late: %s is done", what);
    if (!drv_error_is(why, DRV_ERROR_CANCELLED)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (!drv->json && !drv->quiet)
        print_line("cancelled: %s", why->message);
    return TRUE;
}

static const Verb verbs[] = {
    { "list", "", "all tasks, oldest first", 0, 0, WORD_ANY, NULL, task_list },
    { "show", "TASK", "all that is known of one", 1, 1, WORD_TASK, NULL, task_show },
    { "wait", "TASK", "until it has ended", 1, 1, WORD_TASK, wait_options, task_wait },
    { "cancel",
      "TASK",
      "stop it, and wait for that",
      1,
      1,
      WORD_TASK,
      NULL,
      task_cancel },
    { NULL, NULL, NULL, 0, 0, WORD_ANY, NULL, NULL },
};

const Noun noun_task = { "task", "operations, running and done", verbs };
