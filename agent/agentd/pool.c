/* SPDX-License-Identifier: Apache-2.0 */
/* pool.c - the processes of workers, kept for the next operation.
 *
 * To start a program that links libvirt, and to connect it, takes longer than most
 * operations.  A process whose operation went well may take another, for a minute since
 * it was started; one that failed or was told to stop ends.  A core that dies takes the
 * stdin of all with it, which ends those that wait and lets the others finish.
 */
#include "agent/agentd/agentd.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/log.h"

#define KEEP_S 60 /* so that what it read of settings is not older */

static void
process_free(Process *process)
{
    if (process->source)
        g_source_remove(process->source);
    if (process->timer)
        g_source_remove(process->timer);
    (void)g_queue_remove(&process->agent->idle, process);
    drv_fd_close_one(process->pidfd);
    drv_fd_close_one(process->feed);
    g_free(process);
}

static gboolean
gone(int fd, GIOCondition condition, gpointer data)
{
    Process *process = data;
    Worker *worker = process->worker;

    (void)fd;
    (void)condition;
    if (process->ours)
        (void)waitpid(process->pid, NULL, 0);
    process->source = 0;
    process_free(process);
    if (worker)
        worker_is_gone(worker);
    return G_SOURCE_REMOVE;
}

/* The group, so that nothing it started stays. */
static gboolean
kill_it(gpointer data)
{
    Process *process = data;

    process->timer = 0;
    if (process->worker)
        worker_is_killed(process->worker);
    (void)kill(-process->pid, SIGKILL);
    return G_SOURCE_REMOVE;
}

/* Within the grace time, or it is killed. */
static void
has_to_end(Process *process)
{
    if (process->timer)
        g_source_remove(process->timer);
    process->timer = g_timeout_add_seconds(process->agent->grace_s, kill_it, process);
}

void
process_stop(Process *process)
{
    if (process->stopped)
        return;
    process->stopped = TRUE;
    (void)kill(process->pid, SIGTERM);
    has_to_end(process);
}

/* It ends when its stdin does. */
static void
let_go(Process *process)
{
    (void)g_queue_remove(&process->agent->idle, process);
    drv_fd_close_one(process->feed);
    process->feed = -1;
    has_to_end(process);
}

static gboolean
is_old(gpointer data)
{
    Process *process = data;

    process->timer = 0;
    let_go(process);
    return G_SOURCE_REMOVE;
}

void
process_done(Process *process, gboolean well)
{
    gint64 left_ms = (process->until - g_get_monotonic_time()) / 1000;

    process->worker = NULL;
    if (!well || process->stopped || process->feed < 0 || left_ms <= 0) {
        let_go(process);
        return;
    }
    g_queue_push_head(&process->agent->idle, process);
    process->timer = g_timeout_add((guint)left_ms, is_old, process);
}

Process *
process_follow(Agent *agent, pid_t pid, gboolean ours)
{
    int pidfd = process_open(pid);
    Process *process;

    if (pidfd < 0)
        return NULL;
    process = g_new0(Process, 1);
    process->agent = agent;
    process->pid = pid;
    process->start = process_start_time(pid);
    process->ours = ours;
    process->pidfd = pidfd;
    process->feed = -1;
    process->until = g_get_monotonic_time() + KEEP_S * G_USEC_PER_SEC;
    process->source = g_unix_fd_add(pidfd, G_IO_IN, gone, process);
    return process;
}

static Process *
start(Agent *agent, GError **error)
{
    const char *name = strcmp(agent->backend, "simulator") == 0 ? "drv-agent-simulator"
                                                                : "drv-agent-worker";
    g_auto(DrvFd) out = open("/dev/null", O_WRONLY | O_CLOEXEC);
    g_auto(DrvFd) in = -1;
    g_auto(DrvFd) feed = -1;
    Process *process;
    int ends[2];
    pid_t pid;

    if (out < 0 || pipe2(ends, O_CLOEXEC) < 0) {
        (void)drv_throw_errno(error, "cannot make a pipe");
        return NULL;
    }
    in = ends[0];
    feed = ends[1];
    if (!process_spawn(agent, name, in, out, &pid, error))
        return NULL;
    process = process_follow(agent, pid, TRUE);
    if (process == NULL) {
        (void)drv_throw_errno(error, "cannot follow the worker");
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        return NULL;
    }
    process->feed = drv_fd_steal(&feed);
    return process;
}

Process *
process_take(Agent *agent, GError **error)
{
    Process *process = g_queue_pop_head(&agent->idle);

    if (process == NULL)
        return start(agent, error);
    g_source_remove(process->timer);
    process->timer = 0;
    return process;
}

/* The whole fits into the pipe, so that writing does not wait for the reader. */
gboolean
process_send(Process *process, const char *text, GError **error)
{
    gsize size = strlen(text);

    if (size > AGENT_MAX_JOB)
        return drv_throw(
            error, DRV_ERROR_USAGE, "the description of the VM is larger than 1 MiB");
    if (size > 65536 && fcntl(process->feed, F_SETPIPE_SZ, (int)size) < 0)
        return drv_throw_errno(error, "cannot make a pipe of %zu bytes", size);
    return drv_fd_write_all(process->feed, text, size, "the worker's document", error);
}
