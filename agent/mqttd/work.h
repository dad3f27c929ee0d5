/* SPDX-License-Identifier: Apache-2.0 */
/* work.h - one item of a task while it is worked on, and what the kinds of work share. */
#pragma once

#include "agent/mqttd/answer.h"
#include "agent/mqttd/broker.h"
#include "agent/mqttd/rpc.h"

typedef struct {
    const Config *config;
    Broker *broker;
    const Item *item;
    Rpc rpc;
    GPtrArray *outcomes; /* Outcome: one, or one per VM */
    json_object *times;  /* of the next outcome; NULL: not asked for */
    gboolean stopped;    /* this process is to stop, nothing is known */
} Work;

Work *work_new(const Config *config,
               Broker *broker,
               const Item *item,
               const char *label,
               gboolean again);
/* For a part of it, with outcomes and a connection of its own. */
Work *work_sub(const Work *work, const char *name);
void work_free(Work *work);

/* What each kind of task does with an item: adds outcomes. */
typedef void (*WorkRun)(Work *work);
void start_run(Work *work);
void stop_run(Work *work);
void suspend_run(Work *work);
void resume_run(Work *work);
void repin_run(Work *work);
void migrate_run(Work *work);
void swap_run(Work *work); /* a migrate with swap-with */
void evacuate_run(Work *work);

/* Add the outcome of @name: success, or @error (taken), whose time is up to now. */
Outcome *work_end(Work *work, const char *name, gint64 began, GError *error);

/* Note under "tag" or "tag-name" (@name may be NULL) how long it took since @began
 * (monotonic), if that was asked for.
 */
void work_time(Work *work, const char *tag, const char *name, gint64 began);

/* --- VMs of the agent: vms.c -----------------------------------------------------------
 */

typedef struct {
    char *id, *power;
    gboolean foreign, persistent, unknown;
    json_object *record, *state;
} Vm;

void vm_clear(Vm *vm);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Vm, vm_clear)

/* The VM of this name, or with this id.  DRV_ERROR_NOT_FOUND. */
gboolean
vm_find(Work *work, const char *name, Vm *vm, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same, owned by the agent from now on if it was a foreign one. */
gboolean
vm_own(Work *work, const char *name, Vm *vm, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same; in a second process the VM may be gone already, by a step that is known by
 * its name: then it is off, and its id is @name.
 */
gboolean vm_own_again(Work *work, const char *name, Vm *vm, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Names of those that are active; caller frees. */
GPtrArray *vm_active(Work *work, GError **error);

/* An operation of this VM: @step is unique in the item, @options (taken, may be NULL). */
gboolean vm_run(Work *work,
                const Vm *vm,
                const char *step,
                const char *method,
                json_object *options,
                GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Process of the hypervisor, 0: not known. */
gint64 vm_pid(const char *name);
