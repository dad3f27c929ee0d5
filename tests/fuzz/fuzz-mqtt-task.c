/* SPDX-License-Identifier: Apache-2.0 */
/* A task from the broker.  What is accepted keeps its promises; whatever it is, there is
 * an answer, and that is YAML with the id.
 */
#include <stdint.h>
#include <string.h>

#include "agent/mqttd/answer.h"
#include "agent/mqttd/container.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_item(const Message *message, const Item *item)
{
    g_assert(item->retries >= 0 && item->memory_kib >= 0);
    if (message->kind == TASK_MIGRATE)
        g_assert(item->name && item->destination && !strchr(item->destination, '?'));
    if (message->kind == TASK_EVACUATE)
        g_assert(item->destinations && item->destinations[0]);
    if (message->kind == TASK_START)
        g_assert(item->name || item->xml);
    if (message->kind == TASK_REPIN)
        g_assert(item->name && json_object_is_type(item->cpus, json_type_array));
}

static void
check_answer(const Message *message, const GError *error)
{
    char hostname[] = "h";
    Config config = { .hostname = hostname };
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_autofree char *text = error ? answer_refusal(&config, message, error)
                                  : answer_text(&config, message, none, NULL);
    g_autoptr(Node) root = NULL;
    const Node *id;

    g_assert(node_read(text, strlen(text), &root, NULL));
    id = node_find(root, "id");
    g_assert((id != NULL) == (message->id != NULL));
    if (id && g_utf8_validate(message->id, -1, NULL))
        g_assert(id->kind == NODE_TEXT);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Message) message = message_read((const char *)data, size, &error);
    gboolean alone;

    if (error == NULL) {
        g_autoptr(GPtrArray) vms = container_vms(message, &alone);

        g_assert(vms->len <= 2 * message->items->len); /* a swap has two */
        for (guint i = 0; i < message->items->len; i++)
            check_item(message, g_ptr_array_index(message->items, i));
    }
    check_answer(message, error);
    return 0;
}
