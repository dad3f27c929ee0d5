/* SPDX-License-Identifier: Apache-2.0 */
/* item.h - what a task asks of one VM, or of a host. */
#pragma once

#include "agent/mqttd/field.h"
#include "base/json.h"

#define ITEM_MAX_NAME 1024 /* bytes */
#define ITEM_MAX_CPU 65535

typedef enum { MIGRATE_WARM, MIGRATE_LIVE, MIGRATE_OFFLINE } MigrateType;
typedef enum { MODE_AUTO, MODE_COMPACT, MODE_SCATTER } EvacuateMode;

#define PROCS_AUTO (-1)
#define ITEM_MAX_PCI 32

/* What lspci -nn shows, 15b3:1004. */
typedef struct {
    gint64 vendor, device;
} PciId;

/* One element of a task's list; a task without a list is one item.  Which members count
 * depends on the task.
 */
typedef struct Item Item;
struct Item {
    char *name, *regex, *xml;
    gint64 memory_kib, vcpus; /* 0: as they are */
    GArray *pci_ids;          /* PciId; NULL: none */
    gboolean transient, probe, force, undefine;
    char *probe_hostname; /* NULL: the name */

    char *destination, *transport; /* transport may be NULL */
    int type;                      /* MigrateType */
    gint64 retries, procs;
    gboolean rdma;
    json_object *cpus; /* [[4],[5,6]] or NULL */
    Item *swap;        /* may be NULL */

    char **destinations;
    int mode; /* EvacuateMode */
    gboolean overbooking;

    gboolean measure, concurrent;
};

Item *item_new(void);
void item_free(Item *item);

/* Keys of a kind of item, and what it must have. */
typedef struct {
    const Field *fields;
    gboolean (*check)(const Node *node, const Item *item, GError **error);
} ItemKind;

extern const ItemKind item_start, item_stop, item_named, item_migrate, item_evacuate,
    item_repin;

/* Read a map, its "parameter" as well.  Errors as of field_read(). */
gboolean item_read(const ItemKind *kind, const Node *node, Item *item, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* "concurrent-execution" of the task as a whole. */
gboolean item_read_concurrent(const Node *root,
                              gboolean *concurrent,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
