/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/answer.h"

#include "agent/common/json.h"
#include "agent/mqttd/emit.h"
#include "base/headline.h"

Outcome *
outcome_new(const char *name, const GError *error)
{
    Outcome *outcome = g_new0(Outcome, 1);

    outcome->name = g_strdup(name && *name ? name : "unknown");
    outcome->ok = error == NULL;
    outcome->details = error ? drv_headline(error->message) : NULL;
    return outcome;
}

void
outcome_free(Outcome *outcome)
{
    if (outcome == NULL)
        return;
    g_free(outcome->name);
    g_free(outcome->details);
    json_object_put(outcome->times);
    g_free(outcome);
}

/* {"a":"1","b":"2"} → [{"a":"1"},{"b":"2"}] */
static json_object *
as_list(json_object *times)
{
    json_object *list = json_object_new_array();

    json_object_object_foreach(times, tag, seconds)
    {
        json_object_array_add(
            list, json_with(json_object_new_object(), tag, json_object_get(seconds)));
    }
    return list;
}

/* Seconds are numbers, so they are not text for the emitter. */
static json_object *
as_numbers(json_object *times)
{
    json_object *numbers = json_object_new_object();

    json_object_object_foreach(times, tag, seconds)
    {
        json_with(numbers,
                  tag,
                  json_object_new_double_s(json_object_get_double(seconds),
                                           json_object_get_string(seconds)));
    }
    return numbers;
}

static void
put_times(const Config *config, json_object *into, json_object *times)
{
    g_autoptr(json_object) numbers = times ? as_numbers(times) : NULL;

    if (numbers)
        json_with(into,
                  "time-measurement",
                  config->form == FORM_DOCUMENTED ? as_list(numbers)
                                                  : json_object_get(numbers));
}

static void
put_outcome(const Config *config, json_object *into, const Outcome *outcome)
{
    gboolean more = config->form != FORM_CODED;

    json_with_text(into, "vm-name", outcome->name);
    json_with_text(into, "status", outcome->ok ? "success" : "error");
    if (outcome->details)
        json_with_text(into, "details", outcome->details);
    else if (more && outcome->retries > 0)
        json_with(into, "details", json_object_new_int64(outcome->retries));
    if (more && outcome->pid > 0)
        json_with(into, "process-id", json_object_new_int64(outcome->pid));
    put_times(config, into, outcome->times);
}

/* Only these have their item beside the title. */
static gboolean
is_flat(const Config *config, TaskKind kind)
{
    return kind == TASK_MIGRATE ||
           (kind == TASK_REPIN && config->form == FORM_DOCUMENTED);
}

static json_object *
list_of(const Config *config, GPtrArray *outcomes)
{
    json_object *list = json_object_new_array();

    for (guint i = 0; i < outcomes->len; i++) {
        json_object *item = json_object_new_object();

        put_outcome(config, item, g_ptr_array_index(outcomes, i));
        json_object_array_add(list, item);
    }
    return list;
}

static char *
print(const Config *config, const Message *message, json_object *document)
{
    g_autofree char *text = NULL;

    if (config->form != FORM_CODED)
        json_with_text(document, "host", config->hostname);
    if (message->id)
        json_with_text(document, "id", message->id);
    text = emit_yaml(document, message->id_quoted ? NULL : "id");
    return config->form == FORM_CODED ? g_strconcat(text, "---", NULL)
                                      : g_steal_pointer(&text);
}

char *
answer_text(const Config *config,
            const Message *message,
            GPtrArray *outcomes,
            json_object *times)
{
    g_autoptr(json_object) document = json_object_new_object();

    if (config->scheduler && config->form != FORM_CODED)
        json_with_text(document, "scheduler", config->scheduler);
    json_with_text(document, "result", message_result(message->kind));
    if (is_flat(config, message->kind) && outcomes->len > 0) {
        put_outcome(config, document, g_ptr_array_index(outcomes, 0));
        if (outcomes->len > 1) /* the other half of a swap */
            json_with(document, "swapped", list_of(config, outcomes));
    } else {
        put_times(config, document, times);
        json_with(document, "list", list_of(config, outcomes));
    }
    return print(config, message, document);
}

char *
answer_refusal(const Config *config, const Message *message, const GError *error)
{
    g_autoptr(GPtrArray) outcomes =
        g_ptr_array_new_with_free_func((GDestroyNotify)outcome_free);
    Message unknown = *message;
    Outcome *outcome = outcome_new("unknown", error);

    g_free(outcome->details);
    outcome->details = g_strdup(error->message);
    unknown.kind = TASK_UNKNOWN;
    g_ptr_array_add(outcomes, outcome);
    return answer_text(config, &unknown, outcomes, NULL);
}
