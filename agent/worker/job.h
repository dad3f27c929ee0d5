/* SPDX-License-Identifier: Apache-2.0 */
/* job.h - one operation on one VM, as drv-agent-worker gets it, and how it answers.
 *
 * stdin, JSON documents, one a line, of at most JOB_MAX_SIZE bytes and DRV_JSON_MAX_DEPTH
 * levels, each when the one before it was answered:
 *
 *     operation   "VM.start": a row of the table in main.c
 *     vm          record of the VM (xenopsd's Vm); beside its keys:
 *                 uuid: of the domain (default: id, or made of it)
 *                 xml: a libvirt document, then what the record says of the guest's
 *                      hardware is not used
 *                 persistent: true: libvirt keeps a definition
 *                 suspend_file: where a suspended guest's memory is
 *                 migrating_to: a migration there was begun, and has no end yet
 *                 migrated_to: where the VM was last, since a migration
 *     state       what the core knows; these three count when
 *                 the record has none
 *     devices     [{"class":"VBD"|"VIF"|"PCI","record":{...}}, ...] of the VM
 *     options     of the operation; see each op-*.c
 *     task        id of the task, for messages and the marker
 *     uri         of libvirt; absent: as kvmrc says
 *     deadline_s  the operation is cancelled after so many seconds; 0: never
 *     output      a file, to which the answer is appended; absent: stdout
 *
 * stdout, lines of JSON, each written at once:
 *
 *     {"progress":0.25,"phase":"create","cancellable":true}
 *     {"state":{...}}   facts to store: power_state, domids, consoles, devices ...
 * (facts.h)
 *     {"result":...}    or  {"error":["Variant",arg],"message":"...","undone":"..."}
 *
 * Exactly one of the last two, as the last line.  After a result the next document is
 * waited for: libvirt is linked and connected by then.  The process ends after an error,
 * with status 1, and with stdin.  SIGTERM cancels.
 */
#pragma once

#include <time.h>

#include "agent/common/json.h"
#include "base/error.h"
#include "virt/virt.h"

#define JOB_MAX_SIZE (4 * 1024 * 1024)

/* The marker of a domain that is not complete yet, in its metadata. */
#define AGENT_METADATA_URI "https://one-native.org/xmlns/agent/1.0"
#define AGENT_METADATA_KEY "agent"

typedef struct {
    json_object *document; /* the rest is borrowed from it */
    const char *operation;
    const char *task;
    const char *id; /* of the VM; "" when the operation is the host's */
    json_object *vm, *devices, *options; /* never NULL */
    char *uuid;                          /* of the domain; NULL without a VM */
    DrvVirt *virt;
    gint64 deadline; /* monotonic, 0: none */
    timer_t timer;   /* of the deadline, if it is @armed */
    gboolean armed;

    json_object *result;  /* NULL: null */
    json_object *variant; /* of the error, when a code does not say enough */
    char *undone;         /* what a failure took back */
} Job;

/* An operation of the table. */
typedef gboolean (*JobRun)(Job *job, GError **error);

/* FALSE without @error: there is no more to do. */
gboolean job_read(Job *job, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void job_clear(Job *job);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Job, job_clear)

/* Report where it is.  FALSE with DRV_ERROR_CANCELLED when told to stop, unless
 * @cancellable is FALSE: every step begins with this.
 */
gboolean job_step(Job *job,
                  double progress,
                  const char *phase,
                  gboolean cancellable,
                  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Report facts; takes @state. */
void job_state(json_object *state);

/* The last line; the exit status. */
int job_answer(Job *job, gboolean ok, const GError *error);

/* Fail with an error of the interface: its name and argument (taken; NULL: none). */
gboolean job_fail(Job *job,
                  GError **error,
                  DrvErrorCode code,
                  const char *variant,
                  json_object *argument,
                  const char *format,
                  ...) G_GNUC_PRINTF(6, 7);

/* Bad_power_state [found, expected]. */
gboolean job_bad_power(Job *job, const char *found, const char *expected, GError **error);
