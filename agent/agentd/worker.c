/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c - the process of one running operation.
 *
 * It reads its document from a nameless file and appends lines to a file in output/,
 * which is watched: so it does not need the core to go on, and a later core finds all it
 * said. A process is known by pid and start time; its end is seen by a pidfd, whoever its
 * parent is.
 */
#include "agent/agentd/agentd.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/log.h"

#define MAX_OUTPUT (16 * 1024 * 1024)

struct Worker {
    Agent *agent;
    Vm *vm;
    Task *task;
    pid_t pid;
    gboolean ours; /* has to be waited for */
    int pidfd, out;
    guint source, deadline, grace, silence;
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
    } else if (json_object_object_get_ex(object, "progress", &value)) {
        (void)json_object_object_get_ex(object, "phase", &phase);
        task_progress(
            agent, task, json_object_get_double(value), json_object_get_string(phase));
        task->points++;
        trigger(agent, task);
        if (json_object_object_get_ex(object, "cancellable", &value))
            task->cancellable = json_object_get_boolean(value);
    } else if (json_object_object_get_ex(object, "state", &value)) {
        vm_learn(agent, vm, value);
    } else if (json_object_object_get_ex(object, "result", NULL) ||
               json_object_object_get_ex(object, "error", NULL)) {
        json_object_put(*end);
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

static void
read_output(Worker *worker)
{
    char buffer[65536], *newline;
    gssize n;

    while (worker->text->len < AGENT_MAX_BODY &&
           (n = read(worker->out, buffer, sizeof buffer)) > 0)
        g_string_append_len(worker->text, buffer, n);
    heard(worker);
    while ((newline = strchr(worker->text->str, '\n')) != NULL) {
        *newline = '\0';
        take_line(
            worker->agent, worker->vm, worker->task, worker->text->str, &worker->end);
        g_string_erase(worker->text, 0, newline - worker->text->str + 1);
    }
}

/* --- the process ----------------------------------------------------------------------
 */

static void
worker_free(Worker *worker)
{
    guint *sources[] = {
        &worker->source, &worker->deadline, &worker->grace, &worker->silence
    };

    for (guint i = 0; i < G_N_ELEMENTS(sources); i++) {
        if (*sources[i])
            g_source_remove(*sources[i]);
    }
    g_hash_table_remove(worker->agent->workers, worker->task->id);
    close(worker->pidfd);
    close(worker->out);
    g_string_free(worker->text, TRUE);
    json_object_put(worker->end);
    g_free(worker);
}

static gboolean
ended(int fd, GIOCondition condition, gpointer data)
{
    Worker *worker = data;
    Agent *agent = worker->agent;
    Vm *vm = worker->vm;
    Task *task = worker->task;
    g_autofree char *id = NULL;
    json_object *end;

    (void)fd;
    (void)condition;
    if (worker->ours)
        (void)waitpid(worker->pid, NULL, 0);
    read_output(worker);
    end = json_object_get(worker->end);
    worker->source = 0;
    if (!worker->stuck)
        agent->busy--;
    worker_free(worker);
    id = g_strdup(vm->id);
    task->worker = NULL;
    vm->running = NULL;
    outcome_take(agent, vm, task, end);
    json_object_put(end);
    vm = vm_find(agent, id); /* a deleted one is gone */
    if (vm) {
        queue_done(agent, vm);
        events_reconcile(agent, vm);
    }
    queue_wake(agent);
    return G_SOURCE_REMOVE;
}

/* The group, so that nothing it started stays. */
static gboolean
kill_it(gpointer data)
{
    Worker *worker = data;

    worker->grace = 0;
    journal_about(worker->task->id, worker->task->vm_id);
    drv_warn("task %s: its worker does not end when told to; it is killed",
             worker->task->id);
    (void)kill(-worker->pid, SIGKILL);
    return G_SOURCE_REMOVE;
}

void
worker_cancel(Agent *agent, Worker *worker)
{
    if (worker->grace)
        return;
    (void)kill(worker->pid, SIGTERM);
    worker->grace = g_timeout_add_seconds(agent->grace_s, kill_it, worker);
}

/* The worker has its own deadline, and says so; this one is for a worker that hangs. */
static gboolean
too_late(gpointer data)
{
    Worker *worker = data;

    worker->deadline = 0;
    worker_cancel(worker->agent, worker);
    return G_SOURCE_REMOVE;
}

static Worker *
follow(Agent *agent, Vm *vm, Task *task, pid_t pid, gboolean ours)
{
    g_autofree char *path = output_path(agent, task);
    int pidfd = process_open(pid);
    Worker *worker;

    if (pidfd < 0)
        return NULL;
    worker = g_new0(Worker, 1);
    *worker =
        (Worker){ .agent = agent, .vm = vm, .task = task, .pid = pid, .ours = ours };
    worker->pidfd = pidfd;
    worker->out = open(path, O_RDONLY | O_CLOEXEC);
    worker->text = g_string_new(NULL);
    worker->began = g_get_monotonic_time();
    worker->source = g_unix_fd_add(pidfd, G_IO_IN, ended, worker);
    worker->deadline_at = worker->began + (gint64)agent->deadline_s * G_USEC_PER_SEC;
    worker->deadline = g_timeout_add_seconds(agent->deadline_s + 1, too_late, worker);
    task->worker = worker;
    heard(worker);
    g_hash_table_insert(agent->workers, task->id, worker);
    return worker;
}

static json_object *
document(Agent *agent, Vm *vm, Task *task)
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
    if (agent->uri)
        json_object_object_add(object, "uri", json_object_new_string(agent->uri));
    json_object_object_add(
        object, "deadline_s", json_object_new_int((int)agent->deadline_s));
    return object;
}

/* The document goes through a pipe only after the process is on record: one that a later
 * core would not know of reads an empty stdin, and does nothing.  The whole fits, so that
 * writing does not wait for the reader.
 */
static gboolean
open_pipe(gsize size, DrvFd *in, DrvFd *out, GError **error)
{
    int ends[2];

    if (size > AGENT_MAX_JOB)
        return drv_throw(
            error, DRV_ERROR_USAGE, "the description of the VM is larger than 1 MiB");
    if (pipe2(ends, O_CLOEXEC) < 0)
        return drv_throw_errno(error, "cannot make a pipe");
    *in = ends[0];
    *out = ends[1];
    if (size > 65536 && fcntl(*out, F_SETPIPE_SZ, (int)size) < 0)
        return drv_throw_errno(error, "cannot make a pipe of %zu bytes", size);
    return TRUE;
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

/* The task is on record with its process before that gets to know what to do. */
static gboolean
begin(Agent *agent, Vm *vm, Task *task, int out, const char *text, GError **error)
{
    g_auto(DrvFd) in = -1;
    g_auto(DrvFd) feed = -1;
    pid_t pid;

    if (!open_pipe(strlen(text), &in, &feed, error) ||
        !process_spawn(agent,
                       strcmp(agent->backend, "simulator") == 0 ? "drv-agent-simulator"
                                                                : "drv-agent-worker",
                       in,
                       out,
                       &pid,
                       error))
        return FALSE;
    task->pid = pid;
    task->pid_start = process_start_time(pid);
    if (task_store(agent, task, error) &&
        drv_fd_write_all(feed, text, strlen(text), "the worker's document", error)) {
        if (follow(agent, vm, task, pid, TRUE))
            return TRUE;
        (void)drv_throw_errno(error, "cannot follow the worker");
    }
    task->pid = 0;
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    return FALSE;
}

gboolean
worker_start(Agent *agent, Vm *vm, Task *task, GError **error)
{
    g_autofree char *path = output_path(agent, task);
    g_autofree char *text = NULL;
    g_auto(DrvFd) out =
        open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    json_object *object;

    if (out < 0)
        return drv_throw_errno(error, "cannot write '%s'", path);
    if (vm->record == NULL)
        return drv_throw(error, DRV_ERROR_FAILED, "the record of the VM is damaged");
    if (!set_marker(agent, vm, task, error))
        return FALSE;
    object = document(agent, vm, task);
    text = g_strdup(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
    json_object_put(object);
    return begin(agent, vm, task, out, text, error);
}

gboolean
worker_adopt(Agent *agent, Vm *vm, Task *task)
{
    Worker *worker;

    if (task->pid_start == 0 || process_start_time(task->pid) != task->pid_start)
        return FALSE;
    worker = follow(agent, vm, task, task->pid, FALSE);
    if (worker == NULL)
        return FALSE;
    journal_about(task->id, task->vm_id);
    drv_info("task %s goes on in process %d", task->id, task->pid);
    vm->running = task;
    agent->busy++;
    read_output(worker);
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
    json_object_object_add(object, "pid", json_object_new_int(worker->pid));
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
