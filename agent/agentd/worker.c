/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c - one running operation, in a process of pool.c.
 *
 * The process reads a document and appends lines to a file in output/, which is watched:
 * so it does not need the core to go on, and a later core finds all it said.  Its last
 * line is the operation's end, or else its own.  A process is known by pid and start
 * time; its end is seen by a pidfd, whoever its parent is.
 */
#include "agent/agentd/agentd.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <sys/inotify.h>

#include "base/fd.h"
#include "base/log.h"

/* In a line; of one that is gone, in all. */
#define MAX_OUTPUT ((gsize)16 * 1024 * 1024)

struct Worker {
    Agent *agent;
    Vm *vm;
    Task *task;
    Process *process;
    int out;
    guint deadline, silence, look; /* sources */
    gboolean garbled;              /* nothing more is believed */
    gboolean stuck; /* has not said anything for so long that it does not count */
    gint64 began, deadline_at;
    GString *text; /* of a line that is not complete */
    json_object *end;
};

static char *
output_path(Agent *agent, const Task *task)
{
    return g_build_filename(agent->directory, "output", task->id, NULL);
}

/* --- what it says ---------------------------------------------------------------------
 */

/* A test's: cancel one task at one point, once. */
static void
trigger(Agent *agent, Task *task)
{
    if (agent->trigger_point == 0 || task->points != agent->trigger_point ||
        strcmp(agent->trigger_dbg, task->dbg) != 0)
        return;
    agent->trigger_point = 0;
    queue_cancel(agent, task);
}

/* The line could have been the last one: what is known of the VM is what a look says. */
static void
has_garbled(Worker *worker)
{
    worker->garbled = TRUE;
    worker_cancel(worker);
}

static void
take_line(Agent *agent, Vm *vm, Task *task, const char *line, json_object **end)
{
    const char *why;
    json_object *value = NULL, *phase = NULL,
                *object = agent_json_read(line, strlen(line), AGENT_MAX_DEPTH, &why);

    if (!json_object_is_type(object, json_type_object)) {
        journal_about(task->id, task->vm_id);
        drv_warn("task %s: its worker wrote what is not an object: %s",
                 task->id,
                 object ? "another type" : why);
        if (task->worker)
            has_garbled(task->worker);
    } else if (json_object_object_get_ex(object, "progress", &value)) {
        (void)json_object_object_get_ex(object, "phase", &phase);
        task_progress(
            agent, task, json_object_get_double(value), json_object_get_string(phase));
        task->points++;
        trigger(agent, task);
        if (json_object_object_get_ex(object, "cancellable", &value))
            task->cancellable = json_object_get_boolean(value);
    } else if (json_object_object_get_ex(object, "state", &value)) {
        if (vm != agent->host) /* HOST.fetch is about another host's VM */
            vm_learn(agent, vm, value);
    } else if (*end == NULL && (json_object_object_get_ex(object, "result", NULL) ||
                                json_object_object_get_ex(object, "error", NULL))) {
        *end = json_object_get(object);
    }
    json_object_put(object);
}

/* Its place in the pool goes to another; its VM stays blocked. */
static gboolean
is_stuck(gpointer data)
{
    Worker *worker = data;

    journal_about(worker->task->id, worker->task->vm_id);
    drv_warn("task %s: its worker has been silent for %u s",
             worker->task->id,
             worker->agent->stuck_s);
    worker->silence = 0;
    worker->stuck = TRUE;
    worker->agent->busy--;
    queue_wake(worker->agent);
    return G_SOURCE_REMOVE;
}

static void
heard(Worker *worker)
{
    if (worker->stuck)
        worker->agent->busy++;
    worker->stuck = FALSE;
    if (worker->silence)
        g_source_remove(worker->silence);
    worker->silence = g_timeout_add_seconds(worker->agent->stuck_s, is_stuck, worker);
}

/* --- its end --------------------------------------------------------------------------
 */

static void
worker_free(Worker *worker)
{
    guint *sources[] = { &worker->deadline, &worker->silence, &worker->look };

    for (guint i = 0; i < G_N_ELEMENTS(sources); i++) {
        if (*sources[i])
            g_source_remove(*sources[i]);
    }
    g_hash_table_remove(worker->agent->workers, worker->task->id);
    drv_fd_close_one(worker->out);
    g_string_free(worker->text, TRUE);
    json_object_put(worker->end);
    g_free(worker);
}

static void
finish(Worker *worker)
{
    Agent *agent = worker->agent;
    Vm *vm = worker->vm;
    Task *task = worker->task;
    g_autofree char *id = g_strdup(vm->id);
    g_autoptr(json_object) end = json_object_get(worker->garbled ? NULL : worker->end);
    gboolean looked = task_is_look(task);

    if (!worker->stuck)
        agent->busy--;
    worker_free(worker);
    task->worker = NULL;
    vm->running = NULL;
    outcome_take(agent, vm, task, end);
    vm = vm_find(agent, id); /* a deleted one is gone */
    if (vm) {
        queue_done(agent, vm);
        if (looked && !events_agree(agent, vm))
            outcome_look_later(vm); /* one of the two is late */
        else
            events_reconcile(agent, vm);
    }
    queue_wake(agent);
}

/* What it has said since; with its last line it is freed. */
static void
read_output(Worker *worker)
{
    char buffer[65536], *line, *newline;
    gssize n;

    while (worker->text->len < MAX_OUTPUT &&
           (n = read(worker->out, buffer, sizeof buffer)) > 0)
        g_string_append_len(worker->text, buffer, n);
    heard(worker);
    for (line = worker->text->str; (newline = strchr(line, '\n')) != NULL;
         line = newline + 1) {
        *newline = '\0';
        take_line(worker->agent, worker->vm, worker->task, line, &worker->end);
    }
    g_string_erase(worker->text, 0, line - worker->text->str);
    if (worker->text->len >= MAX_OUTPUT)
        has_garbled(worker);
    if (worker->end && worker->process) {
        process_done(worker->process,
                     json_object_object_get_ex(worker->end, "result", NULL));
        finish(worker);
    }
}

void
worker_is_gone(Worker *worker)
{
    worker->process = NULL;
    read_output(worker);
    finish(worker);
}

void
worker_is_killed(const Worker *worker)
{
    journal_about(worker->task->id, worker->task->vm_id);
    drv_warn("task %s: its worker does not end when told to; it is killed",
             worker->task->id);
}

void
worker_cancel(Worker *worker)
{
    if (worker->process) /* a test's trigger may come with its last lines */
        process_stop(worker->process);
}

/* The worker has its own deadline, and says so; this one is for a worker that hangs. */
static gboolean
too_late(gpointer data)
{
    Worker *worker = data;

    worker->deadline = 0;
    process_stop(worker->process);
    return G_SOURCE_REMOVE;
}

/* --- its beginning --------------------------------------------------------------------
 */

static void
follow(Agent *agent, Vm *vm, Task *task, Process *process, int out)
{
    Worker *worker = g_new0(Worker, 1);

    *worker = (Worker){
        .agent = agent, .vm = vm, .task = task, .process = process, .out = out
    };
    worker->text = g_string_new(NULL);
    worker->began = g_get_monotonic_time();
    worker->deadline_at = worker->began + (gint64)agent->deadline_s * G_USEC_PER_SEC;
    worker->deadline = g_timeout_add_seconds(agent->deadline_s + 1, too_late, worker);
    task->worker = worker;
    process->worker = worker;
    heard(worker);
    g_hash_table_insert(agent->workers, task->id, worker);
}

static json_object *
document(Agent *agent, Vm *vm, Task *task, const char *output)
{
    json_object *object = json_object_new_object();
    json_object *devices = json_object_new_array(), *record = NULL;
    GHashTableIter iter;
    Device *device;

    (void)json_object_deep_copy(vm->record, &record, NULL);
    if (vm->unsurvivable)
        json_object_object_add(
            record, "unsurvivable", json_object_new_string(vm->unsurvivable));
    g_hash_table_iter_init(&iter, vm->devices);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&device)) {
        json_object *entry = json_object_new_object();
        g_autofree char *class = g_ascii_strup(class_word(device->class), -1);

        json_object_object_add(entry, "class", json_object_new_string(class));
        json_object_object_add(entry, "record", json_object_get(device->record));
        json_object_array_add(devices, entry);
    }
    json_object_object_add(object, "operation", json_object_new_string(task->operation));
    json_object_object_add(object, "vm", record);
    json_object_object_add(object, "state", vm_state_json(vm));
    json_object_object_add(object, "devices", devices);
    json_object_object_add(object, "options", json_object_get(task->options));
    json_object_object_add(object, "task", json_object_new_string(task->id));
    json_object_object_add(object, "output", json_object_new_string(output));
    if (agent->uri)
        json_object_object_add(object, "uri", json_object_new_string(agent->uri));
    json_object_object_add(
        object, "deadline_s", json_object_new_int((int)agent->deadline_s));
    return object;
}

/* The marker is on disk before anything is begun. */
static gboolean
set_marker(Agent *agent, Vm *vm, Task *task, GError **error)
{
    if (!outcome_builds_domain(task))
        return TRUE;
    g_free(vm->unsurvivable);
    vm->unsurvivable = g_strdup(task->id);
    return vm_store(agent, vm, error);
}

/* The task is on record with its process before that gets to know what to do: one that a
 * later core would not know of finds the end of stdin, and has done nothing.
 */
static Process *
hand_over(Agent *agent, Task *task, const char *text, gboolean *again, GError **error)
{
    gboolean kept = agent->idle.head != NULL, stored;
    Process *process = process_take(agent, error);

    *again = FALSE;
    if (process == NULL)
        return NULL;
    task->pid = process->pid;
    task->pid_start = process->start;
    stored = task_store(agent, task, error);
    if (stored && process_send(process, text, error))
        return process;
    *again = stored && kept;
    task->pid = 0;
    process_done(process, FALSE);
    return NULL;
}

/* A kept process may have died unseen: it has read nothing, and the next one gets it. */
static gboolean
begin(Agent *agent, Vm *vm, Task *task, const char *text, int out, GError **error)
{
    g_autoptr(GError) why = NULL;
    gboolean again;
    Process *process = hand_over(agent, task, text, &again, &why);

    while (again) {
        g_clear_error(&why);
        process = hand_over(agent, task, text, &again, &why);
    }
    if (process == NULL) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    follow(agent, vm, task, process, out);
    return TRUE;
}

gboolean
worker_start(Agent *agent, Vm *vm, Task *task, GError **error)
{
    g_autofree char *path = output_path(agent, task);
    g_autofree char *text = NULL;
    g_auto(DrvFd) out = open(path, O_RDONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    json_object *object;

    if (out < 0)
        return drv_throw_errno(error, "cannot write '%s'", path);
    if (vm->record == NULL)
        return drv_throw(error, DRV_ERROR_FAILED, "the record of the VM is damaged");
    if (!set_marker(agent, vm, task, error))
        return FALSE;
    object = document(agent, vm, task, path);
    text = g_strconcat(
        json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN), "\n", NULL);
    json_object_put(object);
    if (!begin(agent, vm, task, text, out, error))
        return FALSE;
    (void)drv_fd_steal(&out);
    return TRUE;
}

/* What it wrote before anybody watched. */
static gboolean
read_first(gpointer data)
{
    Worker *worker = data;

    worker->look = 0;
    read_output(worker);
    return G_SOURCE_REMOVE;
}

gboolean
worker_adopt(Agent *agent, Vm *vm, Task *task)
{
    g_autofree char *path = output_path(agent, task);
    g_auto(DrvFd) out = open(path, O_RDONLY | O_CLOEXEC);
    Process *process;

    if (task->pid_start == 0 || process_start_time(task->pid) != task->pid_start)
        return FALSE;
    process = process_follow(agent, task->pid, FALSE);
    if (process == NULL)
        return FALSE;
    follow(agent, vm, task, process, drv_fd_steal(&out));
    journal_about(task->id, task->vm_id);
    drv_info("task %s goes on in process %d", task->id, task->pid);
    vm->running = task;
    agent->busy++;
    task->worker->look = g_idle_add(read_first, task->worker);
    return TRUE;
}

gboolean
worker_read_end(Agent *agent, Vm *vm, Task *task)
{
    g_autofree char *path = output_path(agent, task);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    json_object *end = NULL;
    gsize size;

    if (!g_file_get_contents(path, &text, &size, NULL) || size > MAX_OUTPUT)
        return FALSE;
    lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] && lines[i][0]; i++)
        take_line(agent, vm, task, lines[i], &end);
    if (end == NULL)
        return FALSE;
    outcome_take(agent, vm, task, end);
    json_object_put(end);
    return TRUE;
}

json_object *
worker_json(const Worker *worker)
{
    json_object *object = json_object_new_object();
    gint64 now = g_get_monotonic_time();

    json_object_object_add(
        object, "state", json_object_new_string(worker->stuck ? "stuck" : "processing"));
    json_object_object_add(object, "task", json_object_new_string(worker->task->id));
    json_object_object_add(object, "vm", json_object_new_string(worker->vm->id));
    json_object_object_add(
        object, "operation", json_object_new_string(worker->task->operation));
    if (worker->task->phase)
        json_object_object_add(
            object, "phase", json_object_new_string(worker->task->phase));
    json_object_object_add(object, "pid", json_object_new_int(worker->process->pid));
    json_object_object_add(
        object, "age_s", json_object_new_double((double)(now - worker->began) / 1e6));
    json_object_object_add(
        object,
        "deadline_in_s",
        json_object_new_double((double)(worker->deadline_at - now) / 1e6));
    return object;
}

/* --- the files that they write --------------------------------------------------------
 */

/* There was more to say of than the kernel keeps. */
static void
read_all(Agent *agent)
{
    g_autoptr(GList) all = g_hash_table_get_values(agent->workers);

    for (GList *l = all; l; l = l->next)
        read_output(l->data);
}

static gboolean
written(int fd, GIOCondition condition, gpointer data)
{
    Agent *agent = data;
    char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    gssize n;

    (void)condition;
    while ((n = read(fd, buffer, sizeof buffer)) > 0) {
        for (gssize at = 0; at < n;) {
            const struct inotify_event *event = (gpointer)(buffer + at);
            Worker *worker =
                event->len ? g_hash_table_lookup(agent->workers, event->name) : NULL;

            if (worker)
                read_output(worker);
            else if (event->mask & IN_Q_OVERFLOW)
                read_all(agent);
            at += (gssize)(sizeof *event + event->len);
        }
    }
    return G_SOURCE_CONTINUE;
}

gboolean
workers_watch(Agent *agent, GError **error)
{
    g_autofree char *path = g_build_filename(agent->directory, "output", NULL);
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    agent->workers = g_hash_table_new(g_str_hash, g_str_equal);
    if (fd < 0 || inotify_add_watch(fd, path, IN_MODIFY) < 0)
        return drv_throw_errno(error, "cannot watch '%s'", path);
    g_unix_fd_add(fd, G_IO_IN, written, agent);
    return TRUE;
}
