/* SPDX-License-Identifier: Apache-2.0 */
/* run.h - from a task that waits to one that is final; a part of agentd.h. */
#pragma once

/* --- queue.c ---------------------------------------------------------------------------
 */
/* A stop that is forced does not wait for others: it is next, and what runs is told to
 * stop, if it can be.
 */
void queue_add(Agent *agent, Vm *vm, Task *task, gboolean first);
void queue_wake(Agent *agent);
void queue_cancel(Agent *agent, Task *task);
/* The running task of @vm is over. */
void queue_done(Agent *agent, Vm *vm);
/* Look at the VM, unless that is waiting already; @first: before all else. */
void queue_check(Agent *agent, Vm *vm, const char *why, gboolean first);

/* --- process.c -------------------------------------------------------------------------
 */

/* Start @name of agent->programs, in a group of its own, with these two descriptors. */
gboolean
process_spawn(Agent *agent, const char *name, int in, int out, pid_t *pid, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
/* In ticks since the boot; with the pid, it names a process for ever.  0: there is none,
 * or it is a zombie.
 */
guint64 process_start_time(pid_t pid);

/* A pidfd of it; -1 with errno. */
int process_open(pid_t pid);

/* --- pool.c: processes of workers, kept for the next operation ------------------------
 */
typedef struct {
    Agent *agent;
    pid_t pid;
    guint64 start;   /* time, as process_start_time() says */
    gboolean ours;   /* has to be waited for */
    int pidfd, feed; /* feed: its stdin; -1: it is let go, or an earlier core's */
    gint64 until;    /* monotonic: no operation is given to it after that */
    guint source, timer;
    gboolean stopped;
    Worker *worker; /* NULL: it is idle, or ends */
} Process;

/* One that waits, or a new one; NULL with @error. */
Process *process_take(Agent *agent, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* One that an earlier core started; NULL: it is gone. */
Process *process_follow(Agent *agent, pid_t pid, gboolean ours);
/* @text: a document, with its newline. */
gboolean process_send(Process *process,
                      const char *text,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Tell it to stop; it is killed when it does not within the grace time. */
void process_stop(Process *process);
/* Its operation is over; @well: it may have another. */
void process_done(Process *process, gboolean well);

/* --- worker.c: one running operation ---------------------------------------------------
 */
gboolean worker_start(Agent *agent, Vm *vm, Task *task, GError **error);
/* One that an earlier core started; FALSE: that process is gone. */
gboolean worker_adopt(Agent *agent, Vm *vm, Task *task);
void worker_cancel(Worker *worker);
/* Its process has ended, and is freed; is about to be killed. */
void worker_is_gone(Worker *worker);
void worker_is_killed(const Worker *worker);
json_object *worker_json(const Worker *worker);
/* What the process of a task wrote, when it ended while nobody looked.  FALSE: no end. */
gboolean worker_read_end(Agent *agent, Vm *vm, Task *task);
gboolean workers_watch(Agent *agent, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- outcome.c: what the end of a worker means -----------------------------------------
 */

/* Start, resume, reboot: killed half way, the VM has to be ended. */
gboolean outcome_builds_domain(const Task *task);
/* @end: the worker's last line; NULL: it died.  The task is final afterwards, or when the
 * VM was looked at; it may be freed, and so may the VM.
 */
void outcome_take(Agent *agent, Vm *vm, Task *task, json_object *end);
/* What is known of @vm is not certain: look again soon, and less and less often. */
void outcome_look_later(Vm *vm);
/* Its process ended without an answer while there was no core. */
void outcome_interrupted(Agent *agent, Vm *vm, Task *task);

/* --- ended.c ---------------------------------------------------------------------------
 */

/* libvirt says that the domain of @vm has stopped, for the reason @detail. */
void ended_by_itself(Agent *agent, Vm *vm, const char *detail);

/* --- commit.c: records of what a worker said, written at the end of the turn ----------
 */
void commit_open(Agent *agent);
void commit_now(Agent *agent);
void commit_vm(Agent *agent, Vm *vm);
void commit_task(Agent *agent, Task *task);
/* Remove the file of its lines, when what follows from them is on disk. */
void commit_output(Agent *agent, const char *task_id);

/* --- subtasks.c ------------------------------------------------------------------------
 */
/* The operation of @task has come to @phase. */
void subtasks_begin(Task *task, const char *phase, double now);
void subtasks_end(Task *task, TaskState state, double now);
json_object *subtasks_json(const Task *task);
/* Of a task that is final; @all: as subtasks_json() made it. */
void subtasks_load(Task *task, json_object *all, double now);
