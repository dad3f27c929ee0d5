/* SPDX-License-Identifier: Apache-2.0 */
/* answer.h - results, as the scheduler gets them.
 *
 * Three forms (answers.form):
 *
 *     rich         the original code's shape, with what only the documentation has:
 *                  process-id, the number of retries; and the host
 *     documented   the documentation's: "vm repinned" is flat, time-measurement is a list
 *     coded        the code's: details only of errors, nothing more; a "---" at the end
 */
#pragma once

#include "agent/mqttd/config.h"
#include "agent/mqttd/message.h"

/* What became of one VM. */
typedef struct {
    char *name;
    gboolean ok;
    char *details;       /* of an error, else NULL */
    gint64 retries, pid; /* 0: none, not known */
    json_object *times;  /* {"overall":"1.250000"} or NULL */
} Outcome;

Outcome *outcome_new(const char *name, const GError *error);
void outcome_free(Outcome *outcome);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Outcome, outcome_free)

/* The document; @times are those of the whole task (may be NULL).  Caller frees. */
char *answer_text(const Config *config,
                  const Message *message,
                  GPtrArray *outcomes,
                  json_object *times);

/* That of a message that was not understood. */
char *answer_refusal(const Config *config, const Message *message, const GError *error);
