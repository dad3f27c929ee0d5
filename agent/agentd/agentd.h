/* SPDX-License-Identifier: Apache-2.0 */
/* agentd.h - the core of the host agent: what it knows, and its parts.
 *
 * One loop; nothing here blocks on a hypervisor.  What an operation does is done by a
 * process per running operation (worker.c), which answers in lines of JSON.  All objects
 * are owned by Agent; json_object * that a function "takes" belong to it afterwards.
 */
#pragma once

#include <sys/types.h>

#include "agent/common/json.h"
#include "base/error.h"

/* --- limits ---------------------------------------------------------------------------
 */
#define AGENT_MAX_BODY (1024 * 1024) /* as values in memory: some 40 times as much */
#define AGENT_MAX_HEAD (16 * 1024)
#define AGENT_MAX_OUT (256 * 1024 * 1024) /* answers of all clients, not yet read */
#define AGENT_MAX_BEHIND (1024 * 1024)    /* of a stream */
#define AGENT_STALL_S 30                  /* nothing read for so long: cut off */
#define AGENT_MAX_JOB (1024 * 1024)       /* a VM with all its devices, for its worker */
#define AGENT_LINGER_S 2
#define AGENT_MAX_DEPTH 32
#define AGENT_MAX_CLIENTS 1024
#define AGENT_MAX_ID 80
#define AGENT_MAX_TOMBSTONES 10000
#define AGENT_MAX_TASKS 20000 /* final ones beyond are forgotten, oldest first */
#define STORE_KINDS 5
#define AGENT_MAX_STUCK 4 /* workers in all, in sizes of the pool */

typedef struct Agent Agent;
typedef struct Vm Vm;
typedef struct Task Task;
typedef struct Call Call;
typedef struct Conn Conn;
typedef struct Worker Worker;

typedef enum { CLASS_VM, CLASS_VBD, CLASS_VIF, CLASS_PCI, CLASS_TASK, CLASS_LAST } Class;

typedef struct {
    Class class;
    char *name;
    json_object *record;
    gboolean plugged;
} Device;

struct Vm {
    char *id, *uuid;     /* of its domain */
    json_object *record; /* NULL: its file is damaged and kept aside */
    json_object *state;  /* facts of the last worker */
    GHashTable *devices; /* "vbd,xvda" -> Device */
    char *unsurvivable;  /* task that began to build a domain; NULL: complete */
    char *last_error;
    double unknown_since; /* nothing is certain until the next look; 0: it is known */
    guint check_timer, check_after_s;
    Agent *agent;
    GQueue waiting; /* Task */
    Task *running;
    Task *failed;   /* its operation has failed; it is final when the VM was looked at */
    gboolean ready; /* is in agent->ready */
    gboolean told_to_end; /* by the last operation that was about that: not by itself */
};

typedef enum { TASK_PENDING, TASK_COMPLETED, TASK_FAILED } TaskState;

struct Task {
    char *id, *dbg, *operation, *vm_id;
    json_object *options;
    double ctime, began, duration, progress;
    char *phase;
    GArray *steps; /* subtasks.c; NULL: none was reported */
    TaskState state;
    json_object *answer;            /* result, or the error variant */
    char *message, *undone, *found; /* found: the VM's state after a failure */
    gboolean cancellable, cancelled, destroy_on_finish;
    guint points; /* cancel points seen */
    Worker *worker;
    guint timer; /* of a delay, or of the look after a failure */
    Agent *agent;
    int pid;
    guint64 pid_start;
};

struct Agent {
    GMainLoop *loop;
    char *directory, *programs, *backend, *uri;
    guint64 instance, task_number;
    gboolean same_boot;            /* as the agent before */
    int fd, kind_fds[STORE_KINDS]; /* of its directories, store.c */
    guint pool, busy;              /* workers that count: stuck ones do not */
    guint deadline_s, grace_s, stuck_s;
    char *trigger_dbg; /* DEBUG.trigger: cancel that task at this point */
    guint trigger_point;
    GHashTable *vms;     /* id -> Vm */
    GHashTable *by_uuid; /* of the domain -> Vm */
    GHashTable *domains; /* UUID -> facts (watcher.h), of all that libvirt has */
    Vm *host;            /* whose operations are no VM's */
    GHashTable *tasks;   /* id -> Task */
    GQueue final;        /* Task, oldest first */
    GQueue ready;        /* Vm with something to do and nothing running */
    GHashTable *workers; /* task's id -> Worker */
    GQueue idle;         /* Process */
    GPtrArray *damaged;  /* char *, files put aside */
    GHashTable *conns;
    GPtrArray *subscribers; /* Conn */
    gsize out_bytes;        /* in all conns */
    gid_t gid;              /* members may connect */
    guint max_clients;
    /* commit.c */
    GHashTable *unsaved_vms, *unsaved_tasks, *spent; /* Vm, Task, char * (id of one) */
    guint commit;
    /* updates.c */
    GHashTable *changed; /* key -> GList * in changes */
    GQueue changes;      /* Change, by number */
    guint64 number, horizon;
    guint tombstones;
    GQueue barriers;
    guint dispatch; /* source that looks for the next task */
    GQueue readers; /* Call, blocked */
    guint wake;     /* source that answers them */
};

/* --- store.c: one file per object, all or nothing -------------------------------------
 */

/* Write @object under directory/@kind/@name; on disk when it returns TRUE. */
gboolean store_put(Agent *agent,
                   const char *kind,
                   const char *name,
                   json_object *object,
                   GError **error) G_GNUC_WARN_UNUSED_RESULT;
void store_remove(Agent *agent, const char *kind, const char *name);
/* Call @take for each file of @kind; it owns @object, which is NULL for a damaged one,
 * whose file is in directory/damaged then.
 */
typedef void (*StoreTake)(Agent *agent, const char *name, json_object *object);
gboolean store_load(Agent *agent, const char *kind, StoreTake take, GError **error);
/* "a,b" of ids, each escaped; caller frees. */
char *store_name(const char *first, ...) G_GNUC_NULL_TERMINATED;
gboolean store_open(Agent *agent, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- record.c: records with their defaults --------------------------------------------
 */

/* A new record: keys in the interface's case, defaults filled in, integers that came as
 * text converted.  NULL: *why says which key is wrong.
 */
json_object *record_complete(Class class, json_object *given, char **why);
/* The same of a record that was read from a file: takes @record, which is what comes back
 * when this program thinks it is not complete.
 */
json_object *record_share(Class class, json_object *record);
/* The same of a device that is added, with the MAC that a NIC asks for. */
json_object *device_record_new(Class class, json_object *given, char **why);
const char *class_name(Class class);                 /* "Vm", as in UPDATES */
const char *class_word(Class class);                 /* "vm", as in file names */
gboolean class_of(const char *prefix, Class *class); /* of "VBD" */

/* --- object.c: VMs and their devices ---------------------------------------------------
 */
Vm *vm_new(Agent *agent, const char *id);
/* NULL: there is none; "" is the host. */
Vm *vm_find(Agent *agent, const char *id);
/* To be called when the record is another. */
void vm_index(Agent *agent, Vm *vm);
/* The same, and clients get to know of it and its devices. */
void vm_announce(Agent *agent, Vm *vm);
gboolean vm_store(Agent *agent, Vm *vm, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean device_store(Agent *agent, Vm *vm, Device *device, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
void device_remove(Agent *agent, Vm *vm, Device *device);
void vm_remove(Agent *agent, Vm *vm);
/* Free one that has no file. */
void vm_drop(Agent *agent, Vm *vm);
/* Power as last known: Halted, Running, Paused, Suspended. */
const char *vm_power(const Vm *vm);
/* Nothing is certain of it from now on: a worker was lost, or libvirt is. */
void vm_set_unknown(Agent *agent, Vm *vm, const char *why);
/* Facts of a worker, by reference; they are on disk at the end of the turn. */
void vm_learn(Agent *agent, Vm *vm, json_object *facts);
json_object *vm_state_json(const Vm *vm);
json_object *device_state_json(const Vm *vm, const Device *device);
Device *device_new(Class class, const char *name, json_object *record); /* takes */
void device_free(gpointer device);
Device *vm_device(const Vm *vm, Class class, const char *name);
gboolean objects_load(Agent *agent, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- updates.c -------------------------------------------------------------------------
 */
void updates_changed(Agent *agent, Class class, const char *id, const char *device);
void updates_removed(Agent *agent, Class class, const char *id, const char *device);
void updates_refresh(Agent *agent, const Vm *vm);
void updates_load(Agent *agent);
json_object *updates_get(Call *call);
json_object *updates_last_id(Call *call);
json_object *updates_inject_barrier(Call *call);
json_object *updates_remove_barrier(Call *call);
json_object *updates_refresh_vm(Call *call);
void updates_forget(Agent *agent, Call *call);

/* --- task.c ----------------------------------------------------------------------------
 */
Task *task_new(Agent *agent, const char *dbg, const char *operation, const char *vm_id);
/* Final: takes @answer.  The task may be freed (destroy on finish). */
void task_finish(
    Agent *agent, Task *task, TaskState state, json_object *answer, const char *message);
void task_progress(Agent *agent, Task *task, double progress, const char *phase);
/* A look at the VM, which is also what follows a failure. */
gboolean task_is_look(const Task *task);
json_object *task_json(const Task *task);
void task_forget(Agent *agent, Task *task);
gboolean task_store(Agent *agent, Task *task, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean tasks_load(Agent *agent, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- events.c: the watcher
 * ---------------------------------------------------------------
 */
gboolean events_open(Agent *agent, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* FALSE: what libvirt has is not what is known of @vm. */
gboolean events_agree(Agent *agent, const Vm *vm);
/* Look at @vm, if it is not as libvirt says. */
void events_reconcile(Agent *agent, Vm *vm);
json_object *events_state(void);
/* What libvirt runs, and its version; "": not connected. */
const char *events_hypervisor(void);
json_object *events_list(Call *call);
json_object *events_subscribe(Call *call);
json_object *events_capabilities(Call *call);

/* --- adopt.c: domains that are not ours
 * ---------------------------------------------------
 */
/* [record, state] of a domain that no VM owns. */
json_object *foreign_entry(json_object *facts);
gboolean foreign_is_known(Agent *agent, const char *uuid);
/* @rows of HOST.init_model: own those that @options name.  The rows, without secrets. */
json_object *adopt_rows(Agent *agent, json_object *options, json_object *rows);

/* --- journal.c -------------------------------------------------------------------------
 */

/* If stderr is the journal, messages go there with fields. */
void journal_open(void);
/* The next message is about these; each may be NULL. */
void journal_about(const char *task, const char *vm);

/* --- methods.c -------------------------------------------------------------------------
 */
typedef enum { FORM_V1, FORM_V2, FORM_XML } Form;

struct Call {
    Agent *agent;
    Conn *conn; /* NULL: the client is gone */
    Form form;
    const char *operation; /* the method's, for the worker */
    json_object *id, *args;
    json_object *error; /* variant; NULL: none */
    int code;           /* of JSON-RPC, when it is not the interface's error */
    gboolean later;     /* the method keeps the call and answers itself */
    gboolean has_id, subscribe, http, keep_alive;
    guint timer;
    guint64 from;
    gboolean extended;
};

/* Run a method.  Takes @args.  Answers, now or later. */
void methods_run(Call *call, const char *method);
void call_answer(Call *call, json_object *result);
json_object *call_fail(Call *call, const char *name, json_object *argument);
json_object *call_fail_pair(Call *call, const char *name, const char *a, const char *b);
const char *call_debug_info(Call *call); /* "": none */
const char *arg_text(Call *call, const char *key);
gboolean arg_number(Call *call, const char *key, gint64 *number);
json_object *arg(Call *call, const char *key); /* NULL: absent or null */
json_object *call_fail_argument(Call *call, const char *text);
json_object *call_fail_text(Call *call, const char *text); /* Internal_error */
Vm *arg_vm(Call *call, const char *key); /* NULL, and the call has the error */
json_object *variant(const char *name, json_object *argument);

/* A task of @vm; takes @options. */
json_object *enqueue(Call *call, Vm *vm, const char *operation, json_object *options);
json_object *options_of(Call *call);
/* Of "VBD.plug". */
Class operation_class(const char *operation);
/* What a completed change of a device changes in its record (changes.c). */
void changes_apply(Agent *agent, Vm *vm, const Task *task);

/* --- rpc-json.c, rpc-xml.c, http.c: pure, without sockets ------------------------------
 */

/* NULL with *error_text; depth and duplicates are limited by the parser. */
/* Split a call; FALSE: not a call. */
gboolean json_call(json_object *document,
                   Form *form,
                   const char **method,
                   json_object **args,
                   json_object **id);
char *json_answer(const Call *call, json_object *result);

/* FALSE: *why; *method and *args are the caller's. */
gboolean xml_call(
    const char *text, gsize size, char **method, json_object **args, const char **why);
char *xml_answer(const Call *call, json_object *result);

typedef struct {
    gsize head, body; /* sizes; head: with the empty line */
    gboolean keep_alive, post, expect;
} HttpRequest;

/* 0: more is needed; 200: *request is complete as to its head; else the status to answer.
 */
int http_parse(const char *data, gsize size, HttpRequest *request);

/* --- conn.c, listen.c
 * ----------------------------------------------------------------------------
 */
Conn *conn_new(Agent *agent, int fd);
/* Answer this, whatever the client sends, and close. */
void conn_refuse(Agent *agent, int fd, int status, const char *reason);
/* A line of a stream, with its end. */
void conn_put_line(Conn *conn, const char *line);
gboolean conns_listen(Agent *agent, const char *path, const char *group, GError **error);

/* --- diagnostics.c, metrics.c ---------------------------------------------------------
 */
char *diagnostics_text(Agent *agent);
/* @task is final. */
void metrics_count(const Task *task);
char *metrics_text(Agent *agent);

#include "agent/agentd/run.h"
