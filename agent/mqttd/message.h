/* SPDX-License-Identifier: Apache-2.0 */
/* message.h - a task as it came from the broker.
 *
 * Keys as published and as the original's code reads them; drv-mqttd(8) has the table.
 * What a key may hold is checked here, so what follows never meets a wrong value.
 */
#pragma once

#include "agent/mqttd/item.h"

#define MESSAGE_MAX_ITEMS 1000
#define MESSAGE_MAX_ID 1024 /* bytes */

typedef enum {
    TASK_START,
    TASK_STOP,
    TASK_SUSPEND,
    TASK_RESUME,
    TASK_MIGRATE,
    TASK_EVACUATE,
    TASK_REPIN,
    TASK_QUIT,
    TASK_UNKNOWN,
} TaskKind;

typedef struct {
    TaskKind kind;
    char *id; /* NULL: none */
    gboolean id_quoted;
    gboolean concurrent;
    GPtrArray *items; /* Item */
} Message;

/* Read a task.  The message is returned also with an error, with what could be read: its
 * id, and its kind, TASK_UNKNOWN if that is what is wrong.  Caller frees.  The error's
 * text is that of the answer.
 */
Message *message_read(const char *text, gsize size, GError **error);
void message_free(Message *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Message, message_free)

/* "vm started" */
const char *message_result(TaskKind kind);
