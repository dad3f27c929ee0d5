/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/message.h"

#include <string.h>

#include "agent/mqttd/item.h"
#include "base/error.h"

/* Code of an error whose text is one of the original's, and the whole answer. */
#define COMPLETE DRV_ERROR_REFUSED

void
message_free(Message *message)
{
    if (message == NULL)
        return;
    g_free(message->id);
    g_ptr_array_unref(message->items);
    g_free(message);
}

/* --- kinds -----------------------------------------------------------------------------
 */

typedef struct {
    const char *task, *result;
    const ItemKind *item; /* NULL: it has none */
    const char *lists[4]; /* keys of its list; none: the document is the item */
} Kind;

#define VM_LISTS                                                                         \
    {                                                                                    \
        "list", "vm-configurations", "vm-configuration", NULL                            \
    }
static const Kind kinds[] = {
    [TASK_START] = { "start vm", "vm started", &item_start, VM_LISTS },
    [TASK_STOP] = { "stop vm", "vm stopped", &item_stop, VM_LISTS },
    [TASK_SUSPEND] = { "suspend vm", "vm suspended", &item_named, VM_LISTS },
    [TASK_RESUME] = { "resume vm", "vm resumed", &item_named, VM_LISTS },
    [TASK_MIGRATE] = { "migrate vm", "vm migrated", &item_migrate, { NULL } },
    [TASK_EVACUATE] = { "evacuate node", "node evacuated", &item_evacuate, { NULL } },
    [TASK_REPIN] = { "repin vm", "vm repinned", &item_repin, { NULL } },
    [TASK_QUIT] = { "quit", "quit", NULL, { NULL } },
    [TASK_UNKNOWN] = { "", "unknown", NULL, { NULL } },
};

const char *
message_result(TaskKind kind)
{
    return kinds[kind].result;
}

static TaskKind
kind_of(const char *task)
{
    TaskKind kind = TASK_START;

    while (kind < TASK_UNKNOWN && strcmp(kinds[kind].task, task) != 0)
        kind++;
    return kind;
}

static gboolean
read_item(const ItemKind *kind, const Node *node, Message *message, GError **error)
{
    Item *item = item_new();

    g_ptr_array_add(message->items, item);
    return item_read(kind, node, item, error);
}

static gboolean
throw_empty(GError **error)
{
    return drv_throw(error, COMPLETE, "Empty task container executed.");
}

static gboolean
read_items(const Kind *kind, const Node *root, Message *message, GError **error)
{
    const Node *list = NULL;

    if (kind->item == NULL)
        return TRUE;
    if (kind->lists[0] == NULL)
        return read_item(kind->item, root, message, error);
    for (guint i = 0; kind->lists[i] && list == NULL; i++)
        list = node_find(root, kind->lists[i]);
    if (node_is_null(list) || (list->kind == NODE_LIST && list->items->len == 0))
        return throw_empty(error);
    if (list->kind == NODE_MAP)
        return read_item(kind->item, list, message, error);
    if (list->kind != NODE_LIST || list->items->len > MESSAGE_MAX_ITEMS)
        return field_refuse(list, "has to be a list of at most 1000 elements", error);
    for (guint i = 0; i < list->items->len; i++) {
        if (!read_item(kind->item, g_ptr_array_index(list->items, i), message, error))
            return FALSE;
    }
    return TRUE;
}

/* --- the whole -------------------------------------------------------------------------
 */

/* Whatever else is wrong: who asked is to know that it was his. */
static gboolean
read_id(const Node *root, Message *message, GError **error)
{
    const Node *id = node_find(root, "id");

    if (node_is_null(id))
        return TRUE;
    if (id->kind != NODE_TEXT || strlen(id->text) > MESSAGE_MAX_ID)
        return field_refuse(id, "has to be one value of at most 1024 bytes", error);
    message->id = g_strdup(id->text);
    message->id_quoted = id->quoted || !node_is_special(id->text);
    return TRUE;
}

static gboolean
read_task(const Node *root, Message *message, GError **error)
{
    const Node *task = node_find(root, "task");

    if (root->kind != NODE_MAP || node_is_null(task))
        return drv_throw(error, COMPLETE, "Parsed message not being a Task_container.");
    if (task->kind != NODE_TEXT)
        return field_refuse(task, "has to be one value", error);
    message->kind = kind_of(task->text);
    if (message->kind == TASK_UNKNOWN)
        return drv_throw(error,
                         COMPLETE,
                         "Exception: Unknown type of Task while loading.  "
                         "The task '%.80s' is not known.",
                         task->text);
    return TRUE;
}

static gboolean
read_container(const Node *root, Message *message, GError **error)
{
    if (!item_read_concurrent(root, &message->concurrent, error))
        return FALSE;
    return read_items(&kinds[message->kind], root, message, error);
}

Message *
message_read(const char *text, gsize size, GError **error)
{
    Message *message = g_new0(Message, 1);
    g_autoptr(Node) root = NULL;
    g_autoptr(GError) why = NULL;
    g_autoptr(GError) no_id = NULL;
    gboolean ok;

    message->kind = TASK_UNKNOWN;
    message->concurrent = TRUE;
    message->items = g_ptr_array_new_with_free_func((GDestroyNotify)item_free);
    ok = node_read(text, size, &root, &why);
    if (root && !read_id(root, message, ok ? &why : &no_id))
        ok = FALSE;
    if (ok && read_task(root, message, &why) && read_container(root, message, &why))
        return message;
    if (drv_error_is(why, COMPLETE)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return message;
    }
    (void)drv_throw(
        error, DRV_ERROR_DUMP, "Exception while parsing message: %s", why->message);
    return message;
}
