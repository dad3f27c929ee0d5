/* SPDX-License-Identifier: Apache-2.0 */
/* drv.h - the command for people: a noun per file, a table of verbs in each.
 *
 * A verb calls methods of the agent (client.h), prints (print.h) and returns; main.c
 * reads the command line, and turns an error into a message and an exit status.
 */
#pragma once

#include "agent/common/client.h"
#include "base/error.h"

typedef struct {
    Client client;
    gboolean json;  /* JSON lines in place of text */
    gboolean quiet; /* only errors */
    gboolean no_wait;
} Drv;

/* What the shell may offer for a word.  Verbs of actions (of drivers, on this machine),
 * and all that are done here, need no agent.
 */
typedef enum { WORD_ANY, WORD_FILE, WORD_VM, WORD_TASK, WORD_ACTION, WORD_HERE } WordKind;

typedef struct {
    const char *verb;  /* NULL: the noun is all */
    const char *words; /* what follows, for the usage: "VM [FILE]" */
    const char *about;
    guint min, max;              /* how many words */
    WordKind kind;               /* of the first; others are files */
    const GOptionEntry *options; /* NULL: only those that all verbs have */
    gboolean (*run)(Drv *drv, char **words, GError **error); /* @words ends with NULL */
} Verb;

typedef struct {
    const char *noun, *about;
    const Verb *verbs; /* ends with one without run */
} Noun;

extern const Noun noun_vm, noun_task, noun_events, noun_host, noun_diagnostics,
    noun_metrics, noun_ps, noun_cancel, noun_log, noun_doctor, noun_undelete;

/* --- follow.c
 * ---------------------------------------------------------------------------
 */

/* Follow a task to its end, with a progress bar on a terminal or a JSON line per change.
 * @what stands in messages: "start web".  The agent may be restarted meanwhile.
 * *task (may be NULL) is its last record.  DRV_ERROR_CANCELLED when it was cancelled,
 * DRV_ERROR_TIMEOUT after @timeout_s (0: none).
 */
gboolean follow_task(Drv *drv,
                     const char *id,
                     const char *what,
                     int timeout_s,
                     json_object **task,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Call a method that returns a task (takes @args), and follow that, or print its id with
 * --no-wait.
 */
gboolean follow_call(Drv *drv,
                     const char *method,
                     json_object *args,
                     const char *what,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- description.c
 * ----------------------------------------------------------------------
 */

/* {"vm":{...},"vbds":[...],"vifs":[...],"pcis":[...]} of a file's @text: that itself, a
 * short description (drv(1)), or libvirt's XML.
 */
json_object *description_read(const char *what, const char *text, GError **error);
/* The same of a short description. */
json_object *description_complete(json_object *brief, GError **error);
