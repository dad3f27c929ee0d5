/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/dispatch.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/mqttd/container.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"

#define RETRY_MS 1000 /* of a result that could not be written */

typedef struct {
    char *name;     /* of the spool */
    GPtrArray *vms; /* names; may be empty */
    gboolean alone, again, running;
} Job;

struct Dispatch {
    const Config *config;
    Spool *spool;
    Broker *broker;
    GMutex lock;
    GQueue jobs; /* in order of arrival, until they are done */
    guint running;
    gboolean ended;
    int quit_fd;
    GThreadPool *pool;
};

static void
job_free(Job *job)
{
    g_free(job->name);
    g_ptr_array_unref(job->vms);
    g_free(job);
}

/* --- whose turn it is ------------------------------------------------------------------
 */

static gboolean
is_free(GHashTable *held, const Job *job)
{
    for (guint i = 0; i < job->vms->len; i++) {
        if (g_hash_table_contains(held, g_ptr_array_index(job->vms, i)))
            return FALSE;
    }
    return TRUE;
}

/* With the lock.  A job waits for all earlier ones that it shares a VM with, also for
 * those that wait themselves.
 */
static void
start_ready(Dispatch *dispatch)
{
    g_autoptr(GHashTable) held = g_hash_table_new(g_str_hash, g_str_equal);
    gboolean first = TRUE;

    for (GList *l = dispatch->jobs.head; l && !dispatch->ended; l = l->next) {
        Job *job = l->data;

        if (dispatch->running >= dispatch->config->concurrency)
            return;
        if (!job->running && is_free(held, job) && (!job->alone || first)) {
            job->running = TRUE;
            dispatch->running++;
            g_thread_pool_push(dispatch->pool, job, NULL);
        }
        if (job->alone)
            return;
        for (guint i = 0; i < job->vms->len; i++)
            g_hash_table_add(held, g_ptr_array_index(job->vms, i));
        first = FALSE;
    }
}

static void
add(Dispatch *dispatch, char *name, const Message *message, gboolean again)
{
    Job *job = g_new0(Job, 1);

    job->name = name;
    job->again = again;
    job->vms = container_vms(message, &job->alone);
    g_mutex_lock(&dispatch->lock);
    g_queue_push_tail(&dispatch->jobs, job);
    start_ready(dispatch);
    g_mutex_unlock(&dispatch->lock);
}

static void
remove_job(Dispatch *dispatch, Job *job)
{
    g_mutex_lock(&dispatch->lock);
    g_queue_remove(&dispatch->jobs, job);
    dispatch->running--;
    start_ready(dispatch);
    g_mutex_unlock(&dispatch->lock);
    job_free(job);
}

/* --- a task that runs ------------------------------------------------------------------
 */

/* A disk that is full now need not be so later. */
static gboolean
finish(Dispatch *dispatch, const char *name, const char *answer)
{
    for (;;) {
        g_autoptr(GError) error = NULL;

        if (spool_finish(dispatch->spool, name, answer, &error))
            return TRUE;
        drv_error_log("a result cannot be kept, it is tried again: %s", error->message);
        if (drv_poll(NULL, 0, RETRY_MS, NULL) < 0)
            return FALSE;
    }
}

static void
run_job(gpointer data, gpointer user_data)
{
    Dispatch *dispatch = user_data;
    Job *job = data;
    g_autofree char *text = NULL;
    g_autofree char *label = spool_label(job->name);
    g_autoptr(GError) error = NULL;
    g_auto(Container) container = { .config = dispatch->config,
                                    .broker = dispatch->broker,
                                    .label = label,
                                    .again = job->again };
    guint64 one = 1;
    gsize size;

    if (!spool_task(dispatch->spool, job->name, &text, &size, &error)) {
        drv_error_log("a task is lost: %s", error->message);
    } else if (container_run(&container, text, size) &&
               finish(dispatch, job->name, container.answer)) {
        container_forget(&container);
        broker_send(dispatch->broker, job->name);
        if (container.quit)
            (void)!write(dispatch->quit_fd, &one, sizeof one);
    }
    remove_job(dispatch, job);
}

/* --- tasks that arrive -----------------------------------------------------------------
 */

static gboolean
is_full(Dispatch *dispatch)
{
    gboolean full;

    g_mutex_lock(&dispatch->lock);
    full = dispatch->jobs.length >= dispatch->config->max_waiting;
    g_mutex_unlock(&dispatch->lock);
    return full;
}

static gboolean
refuse(Dispatch *dispatch, const char *name, const Message *message)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *answer = NULL;

    (void)drv_throw(&error, DRV_ERROR_BUSY, "too many tasks wait already");
    answer = answer_refusal(dispatch->config, message, error);
    g_clear_error(&error);
    if (!spool_finish(dispatch->spool, name, answer, &error)) {
        drv_error_log("%s", error->message);
        return FALSE;
    }
    broker_send(dispatch->broker, name);
    return TRUE;
}

gboolean
dispatch_take(const char *text, gsize size, gpointer data)
{
    Dispatch *dispatch = data;
    g_autoptr(Message) message = message_read(text, size, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *name = NULL;

    switch (spool_accept(dispatch->spool, message->id, text, size, &name, &error)) {
    case SPOOL_NEW:
        if (is_full(dispatch))
            return refuse(dispatch, name, message);
        add(dispatch, g_steal_pointer(&name), message, FALSE);
        return TRUE;
    case SPOOL_FINISHED:
        drv_info("task '%s' came again; its result is sent again", message->id);
        broker_send(dispatch->broker, name);
        return TRUE;
    case SPOOL_RUNNING:
        drv_info("task '%s' came again and runs already", message->id);
        return TRUE;
    case SPOOL_FAILED:
        break;
    }
    drv_error_log("a task cannot be accepted, the broker keeps it: %s", error->message);
    return FALSE;
}

/* --- life ------------------------------------------------------------------------------
 */

Dispatch *
dispatch_new(const Config *config, Spool *spool)
{
    Dispatch *dispatch = g_new0(Dispatch, 1);

    dispatch->config = config;
    dispatch->spool = spool;
    g_mutex_init(&dispatch->lock);
    dispatch->quit_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    dispatch->pool =
        g_thread_pool_new(run_job, dispatch, (int)config->concurrency, FALSE, NULL);
    return dispatch;
}

void
dispatch_begin(Dispatch *dispatch, Broker *broker)
{
    g_autoptr(GPtrArray) unsent = spool_unsent(dispatch->spool);
    g_autoptr(GPtrArray) waiting = spool_waiting(dispatch->spool);

    dispatch->broker = broker;
    for (guint i = 0; i < unsent->len; i++)
        broker_send(broker, g_ptr_array_index(unsent, i));
    for (guint i = 0; i < waiting->len; i++) {
        const char *name = g_ptr_array_index(waiting, i);
        g_autofree char *text = NULL;
        g_autoptr(GError) error = NULL;
        g_autoptr(Message) message = NULL;
        gsize size;

        if (!spool_task(dispatch->spool, name, &text, &size, &error)) {
            drv_error_log("a task cannot be read, and stays: %s", error->message);
            continue;
        }
        message = message_read(text, size, NULL);
        add(dispatch, g_strdup(name), message, TRUE);
    }
}

int
dispatch_quit_fd(const Dispatch *dispatch)
{
    return dispatch->quit_fd;
}

void
dispatch_end(Dispatch *dispatch)
{
    g_mutex_lock(&dispatch->lock);
    dispatch->ended = TRUE;
    g_mutex_unlock(&dispatch->lock);
    g_thread_pool_free(g_steal_pointer(&dispatch->pool), FALSE, TRUE);
}

void
dispatch_free(Dispatch *dispatch)
{
    if (dispatch == NULL)
        return;
    if (dispatch->pool)
        dispatch_end(dispatch);
    g_queue_clear_full(&dispatch->jobs, (GDestroyNotify)job_free);
    g_mutex_clear(&dispatch->lock);
    drv_fd_close_one(dispatch->quit_fd);
    g_free(dispatch);
}
