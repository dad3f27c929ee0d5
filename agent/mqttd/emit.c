/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/emit.h"

#include <string.h>
#include <yaml.h>

#include "agent/mqttd/node.h"

typedef struct {
    yaml_emitter_t emitter;
    const char *plain;
} Emit;

/* libyaml takes the event over, also when it fails: memory, the only reason, ends glib's
 * programs anyway.
 */
static void
send_event(Emit *emit, yaml_event_t *event)
{
    (void)!yaml_emitter_emit(&emit->emitter, event);
}

static void
put_text(Emit *emit, const char *text, gboolean quote)
{
    yaml_event_t event;
    yaml_scalar_style_t style =
        quote ? YAML_SINGLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE;

    (void)!yaml_scalar_event_initialize(
        &event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1, 1, style);
    send_event(emit, &event);
}

static void put(Emit *emit, json_object *value, const char *key);

static void
put_list(Emit *emit, json_object *list)
{
    yaml_event_t event;

    (void)!yaml_sequence_start_event_initialize(
        &event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE);
    send_event(emit, &event);
    for (gsize i = 0; i < json_object_array_length(list); i++)
        put(emit, json_object_array_get_idx(list, i), NULL);
    (void)!yaml_sequence_end_event_initialize(&event);
    send_event(emit, &event);
}

static void
put_map(Emit *emit, json_object *map)
{
    yaml_event_t event;

    (void)!yaml_mapping_start_event_initialize(
        &event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE);
    send_event(emit, &event);
    json_object_object_foreach(map, key, value)
    {
        put_text(emit, key, node_is_special(key));
        put(emit, value, key);
    }
    (void)!yaml_mapping_end_event_initialize(&event);
    send_event(emit, &event);
}

static void
put(Emit *emit, json_object *value, const char *key)
{
    switch (json_object_get_type(value)) {
    case json_type_object:
        put_map(emit, value);
        return;
    case json_type_array:
        put_list(emit, value);
        return;
    case json_type_string:
        put_text(emit,
                 json_object_get_string(value),
                 node_is_special(json_object_get_string(value)) &&
                     g_strcmp0(key, emit->plain) != 0);
        return;
    default:
        put_text(emit, json_object_to_json_string(value), FALSE);
    }
}

static int
append(void *data, unsigned char *buffer, size_t size)
{
    g_string_append_len(data, (const char *)buffer, (gssize)size);
    return 1;
}

char *
emit_yaml(json_object *document, const char *plain)
{
    Emit emit = { .plain = plain };
    GString *text = g_string_new(NULL);
    yaml_event_t event;

    (void)!yaml_emitter_initialize(&emit.emitter);
    yaml_emitter_set_output(&emit.emitter, append, text);
    yaml_emitter_set_unicode(&emit.emitter, 1);
    yaml_emitter_set_width(&emit.emitter, -1);
    (void)!yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
    send_event(&emit, &event);
    (void)!yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 0);
    send_event(&emit, &event);
    put(&emit, document, NULL);
    (void)!yaml_document_end_event_initialize(&event, 1);
    send_event(&emit, &event);
    (void)!yaml_stream_end_event_initialize(&event);
    send_event(&emit, &event);
    yaml_emitter_delete(&emit.emitter);
    return g_string_free(text, FALSE);
}
