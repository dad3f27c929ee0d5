/* SPDX-License-Identifier: Apache-2.0 */
/* node.h - a YAML document as a tree, with the line of each value (libyaml).
 *
 * Bounded in size, depth, nodes and keys, so that memory is a small multiple of the
 * input's.  Aliases are refused: with them a short text becomes a tree without end.  What
 * comes behind the first document is not read.  All scalars are text; what a value means
 * is its reader's matter (field.h).
 */
#pragma once

#include <glib.h>

#define NODE_MAX_SIZE (1024 * 1024) /* bytes of a document */
#define NODE_MAX_DEPTH 16
#define NODE_MAX_NODES 20000
#define NODE_MAX_KEYS 1000 /* of one map */
#define NODE_MAX_KEY 256   /* bytes */

typedef enum { NODE_TEXT, NODE_LIST, NODE_MAP } NodeKind;

typedef struct Node Node;
struct Node {
    NodeKind kind;
    int line;        /* from 1 */
    gboolean quoted; /* text that is text even if it looks like a number */
    char *text;      /* NODE_TEXT; valid UTF-8 without NUL */
    char *key;       /* in a map, else NULL */
    guint index;     /* in a list */
    const Node *parent;
    GPtrArray *items; /* Node; of lists and maps */
};

/* Read one document.  *root is what could be read, also with an error; NULL when that is
 * nothing.  Caller frees.  DRV_ERROR_DUMP, with the line.
 */
gboolean node_read(const char *text, gsize size, Node **root, GError **error);
void node_free(Node *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Node, node_free)

/* The value of @key in @map, NULL: there is none, or @map is not a map (may be NULL).
 * "_" and "-" in keys are the same.
 */
const Node *node_find(const Node *map, const char *key);

/* TRUE of "key:", "key: ~" and "key: null". */
gboolean node_is_null(const Node *node);

/* "list[1].vm-name"; caller frees. */
char *node_path(const Node *node);

/* TRUE when unquoted @text would be read as something else than text. */
gboolean node_is_special(const char *text);

/* As the keys above. */
gboolean node_same_key(const char *a, const char *b);
