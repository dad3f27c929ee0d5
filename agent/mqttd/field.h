/* SPDX-License-Identifier: Apache-2.0 */
/* field.h - maps of a YAML document read into structs, by tables.
 *
 *     static const Field fields[] = {
 *         { "vm-name", FIELD_TEXT, offsetof(Item, name), .other = "name" },
 *         { "vcpus", FIELD_NUMBER, offsetof(Item, vcpus), .min = 1, .max = 4096 },
 *         { NULL },
 *     };
 *
 * A value that is null or absent leaves the struct as it is, so defaults are put there
 * first.  An error names the key with its path, and the line.
 */
#pragma once

#include <stddef.h>

#include "agent/mqttd/node.h"

typedef enum {
    FIELD_TEXT,   /* char *, freed by who owns the struct */
    FIELD_BOOL,   /* gboolean */
    FIELD_NUMBER, /* gint64 from min to max */
    FIELD_WORD,   /* int, index in words */
    FIELD_TEXTS,  /* char **, of a list or of one text */
    FIELD_CUSTOM, /* by read */
} FieldType;

typedef struct {
    const char *key;
    FieldType type;
    gsize offset;
    const char *other; /* another spelling of the key; NULL: none */
    gint64 min, max;
    const char *const *words; /* ends with NULL */
    gboolean (*read)(const Node *node, gpointer into, GError **error);
} Field;

#define FIELD_MAX_TEXTS 1000

gboolean field_read(const Field *table, const Node *map, gpointer into, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* The first key of @map that no table of @tables (ends with NULL) has; NULL: none. */
const Node *field_unknown(const Field *const *tables, const Node *map);

/* "'key' (line 3) <why>"; FALSE. */
gboolean field_refuse(const Node *node, const char *why, GError **error);

/* A number in decimal or 0x form. */
gboolean
field_number(const Node *node, gint64 min, gint64 max, gint64 *number, GError **error);
