/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/status-private.h"

#define FIRST_US (2 * G_USEC_PER_SEC)
#define FIRST_SAID_US (G_USEC_PER_SEC / 2) /* to a caller, who may be older */
#define EVERY_US (G_USEC_PER_SEC / 2)
#define UNCHANGED_US (5 * G_USEC_PER_SEC)

static struct {
    GMutex lock; /* of all that follows but @files and @thread */
    GCond cond;
    gboolean begun, stop, changed;
    char *action, *object, *detail, *from, *to;
    const char *wait;
    DrvStatusStep own, heard;
    GString *undone;
    GString *log; /* not yet in the file */
    dev_t device;
    guint64 claim;
    gint64 began_us, started_s;
    char *id;
    DrvStatusSink sink;
    gpointer sink_data;
    void (*at_end)(void);
    GMutex files_lock;
    DrvStatusFiles files;
    gboolean tried; /* to make the files */
    GThread *thread;
} status = { .files = DRV_STATUS_FILES_INIT };

/* --- the lines -------------------------------------------------------------------------
 */

static void
add_undone(GString *text)
{
    const char *heard = status.heard.undone ? status.heard.undone : "";
    g_autofree char *all = g_strconcat(
        status.undone->str, status.undone->len && *heard ? "; " : "", heard, NULL);

    drv_status_add_text(text, "undone", all);
}

/* What a worker does is what we do, as long as we move nothing ourselves. */
static char *
describe(void)
{
    GString *text = g_string_new(NULL);
    gint64 now = g_get_monotonic_time();
    gboolean ours = status.heard.phase == NULL || status.own.moved + status.own.kept > 0;
    const DrvStatusStep *step = ours ? &status.own : &status.heard;

    drv_status_add_text(text, "id", status.id);
    drv_status_add_text(text, "action", status.action);
    drv_status_add_text(text, "object", status.object);
    drv_status_add_text(text, "detail", status.detail);
    drv_status_add_text(text, "from", status.from);
    drv_status_add_text(text, "to", status.to);
    drv_status_add_text(text, "at", ours ? "" : status.heard.where);
    drv_status_add_text(text, "phase", step->phase);
    drv_status_add_text(text,
                        "waits_for",
                        status.wait && *status.wait ? status.wait
                                                    : status.heard.waits_for);
    drv_status_add_number(text, "pid", getpid());
    drv_status_add_number(text, "started", (double)status.started_s);
    drv_status_step_add(text, step, now);
    g_string_append_printf(
        text, "device=%u:%u\n", major(status.device), minor(status.device));
    drv_status_add_number(
        text,
        "claim",
        (double)(status.claim > step->moved ? status.claim - step->moved : 0));
    add_undone(text);
    return g_string_free(text, FALSE);
}

/* --- writing, without the lock ---------------------------------------------------------
 */

static char *
take_log(void)
{
    char *lines = NULL;

    if (status.log->len > 0) {
        lines = g_strndup(status.log->str, status.log->len);
        g_string_truncate(status.log, 0);
    }
    return lines;
}

static void
write_files(void)
{
    g_autofree char *text = NULL;
    g_autofree char *lines = NULL;

    g_mutex_lock(&status.files_lock);
    if (!status.tried && !drv_status_files_open(&status.files, status.id))
        drv_debug("there is no directory for a status");
    status.tried = TRUE;
    g_mutex_lock(&status.lock);
    text = describe();
    lines = status.files.dir ? take_log() : NULL;
    status.changed = FALSE;
    g_mutex_unlock(&status.lock);
    if (status.files.dir)
        drv_status_files_write(&status.files, text);
    if (lines)
        drv_status_files_log(&status.files, lines);
    g_mutex_unlock(&status.files_lock);
}

static void
say_to_caller(void)
{
    g_autofree char *text = NULL;

    if (status.sink == NULL)
        return;
    text = drv_status_text();
    status.sink(text, status.sink_data);
}

/* Wait until something changed or @until, and then at least half a second after the last
 * time.  FALSE when it is over.
 */
static gboolean
wait_for_change(gint64 first, gint64 until)
{
    gboolean go_on;

    g_mutex_lock(&status.lock);
    while (!status.stop && g_get_monotonic_time() < (status.changed ? first : until)) {
        gint64 end = status.changed ? first : until;

        (void)g_cond_wait_until(&status.cond, &status.lock, end);
    }
    go_on = !status.stop;
    g_mutex_unlock(&status.lock);
    return go_on;
}

static gpointer
keep_writing(gpointer data)
{
    gint64 files_from = status.began_us + FIRST_US;
    gint64 from = status.sink ? status.began_us + FIRST_SAID_US : files_from;
    gint64 last = from;

    (void)data;
    while (wait_for_change(from, last)) {
        gint64 now = g_get_monotonic_time();

        say_to_caller();
        if (now >= files_from)
            write_files();
        from = now + EVERY_US;
        last = now < files_from ? files_from : now + UNCHANGED_US;
    }
    return NULL;
}

/* --- beginning and end -----------------------------------------------------------------
 */

static void
listen_to_log(const char *level, const char *text)
{
    g_mutex_lock(&status.lock);
    if (status.begun)
        drv_status_add_log(status.log, level, text);
    g_mutex_unlock(&status.lock);
}

void
drv_status_begin(const char *action, const char *object, const char *detail)
{
    if (status.begun)
        return;
    status.action = g_strdup(action);
    status.object = g_strdup(object);
    status.detail = g_strdup(detail);
    status.began_us = g_get_monotonic_time();
    status.own.began_us = status.began_us;
    status.started_s = g_get_real_time() / G_USEC_PER_SEC;
    status.id = g_strdup_printf("%d-%04x", (int)getpid(), g_random_int() & 0xffff);
    status.undone = g_string_new(NULL);
    status.log = g_string_new(NULL);
    status.begun = TRUE;
    drv_log_set_tap(listen_to_log);
    status.thread = g_thread_new("status", keep_writing, NULL);
}

static void
stop_thread(void)
{
    g_mutex_lock(&status.lock);
    status.stop = TRUE;
    g_cond_signal(&status.cond);
    g_mutex_unlock(&status.lock);
    g_thread_join(status.thread);
}

/* The last line of the log: who cancels waits for it. */
static void
log_end(const GError *error)
{
    g_autofree char *text = NULL;

    if (error == NULL)
        text = g_strdup_printf("after %.1f s",
                               (double)(g_get_monotonic_time() - status.began_us) /
                                   (double)G_USEC_PER_SEC);
    g_mutex_lock(&status.lock);
    if (error && status.undone->len > 0)
        drv_status_add_log(status.log, "UNDONE", status.undone->str);
    drv_status_add_log(status.log,
                       error == NULL                              ? "DONE"
                       : drv_error_is(error, DRV_ERROR_CANCELLED) ? "CANCELLED"
                                                                  : "FAILED",
                       error ? error->message : text);
    g_mutex_unlock(&status.lock);
}

void
drv_status_end(const GError *error)
{
    void (*at_end)(void) = status.at_end;

    if (!status.begun)
        return;
    status.at_end = NULL;
    if (at_end)
        at_end();
    stop_thread();
    log_end(error);
    say_to_caller();
    if (status.tried)
        write_files();
    g_mutex_lock(&status.lock);
    status.begun = status.stop = status.changed = status.tried = FALSE;
    g_clear_pointer(&status.action, g_free);
    g_clear_pointer(&status.object, g_free);
    g_clear_pointer(&status.detail, g_free);
    g_clear_pointer(&status.from, g_free);
    g_clear_pointer(&status.to, g_free);
    g_clear_pointer(&status.id, g_free);
    drv_status_step_clear(&status.own);
    drv_status_step_clear(&status.heard);
    g_string_free(g_steal_pointer(&status.undone), TRUE);
    g_string_free(g_steal_pointer(&status.log), TRUE);
    status.wait = NULL;
    status.sink = NULL;
    status.claim = 0;
    g_mutex_unlock(&status.lock);
    drv_status_files_close(&status.files);
}

/* --- what is said of it ----------------------------------------------------------------
 */

/* TRUE, with the lock, when there is a status. */
static gboolean
enter(void)
{
    g_mutex_lock(&status.lock);
    if (status.begun)
        return TRUE;
    g_mutex_unlock(&status.lock);
    return FALSE;
}

static void
leave(void)
{
    if (!status.changed)
        g_cond_signal(&status.cond);
    status.changed = TRUE;
    g_mutex_unlock(&status.lock);
}

void
drv_status_route(const char *from, const char *to)
{
    if (!enter())
        return;
    g_free(status.from);
    g_free(status.to);
    status.from = g_strdup(from);
    status.to = g_strdup(to);
    leave();
}

static void
set_phase(const char *phase)
{
    if (g_strcmp0(status.own.phase, phase) != 0)
        drv_status_add_log(status.log, "PHASE", phase);
    g_free(status.own.phase);
    status.own.phase = g_strdup(phase);
}

static void
begin_step(const char *phase, guint64 total)
{
    set_phase(phase);
    status.own.total = total;
    status.own.moved = status.own.kept = 0;
    status.own.began_us = g_get_monotonic_time();
}

void
drv_status_step(const char *phase, guint64 total)
{
    if (!enter())
        return;
    begin_step(phase, total);
    leave();
}

void
drv_status_more(const char *phase, guint64 bytes)
{
    if (!enter())
        return;
    if (g_strcmp0(status.own.phase, phase) == 0)
        status.own.total += bytes;
    else
        begin_step(phase, bytes);
    leave();
}

void
drv_status_phase(const char *phase)
{
    if (!enter())
        return;
    set_phase(phase);
    leave();
}

void
drv_status_moved(guint64 bytes)
{
    if (!enter())
        return;
    status.own.moved += bytes;
    leave();
}

void
drv_status_kept(guint64 bytes)
{
    if (!enter())
        return;
    status.own.kept += bytes;
    leave();
}

void
drv_status_progress(guint64 done, guint64 total)
{
    if (!enter())
        return;
    status.own.moved = total ? MIN(done, total) : done;
    status.own.total = total;
    leave();
}

const char *
drv_status_wait_for(const char *what)
{
    const char *before;

    if (!enter())
        return NULL;
    before = status.wait;
    status.wait = what;
    leave();
    return before;
}

void
drv_status_wait_clear(DrvStatusWait *before)
{
    (void)drv_status_wait_for(*before);
}

void
drv_status_undone(const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    if (!enter())
        return;
    if (status.undone->len + strlen(text) < DRV_STATUS_UNDONE_MAX &&
        strstr(status.undone->str, text) == NULL) /* said by both ends */
        g_string_append_printf(
            status.undone, "%s%s", status.undone->len ? "; " : "", text);
    leave();
}

void
drv_status_claim(dev_t device, guint64 bytes)
{
    if (!enter())
        return;
    status.device = device;
    status.claim = bytes;
    leave();
    write_files();
}

gboolean
drv_status_is_ours(const char *id)
{
    return g_strcmp0(status.id, id) == 0;
}

char *
drv_status_limit_file(void)
{
    char *path = NULL;

    g_mutex_lock(&status.files_lock);
    if (status.files.dir)
        path =
            g_strconcat(status.files.dir, "/", status.files.id, DRV_STATUS_LIMIT, NULL);
    g_mutex_unlock(&status.files_lock);
    return path;
}

char *
drv_status_text(void)
{
    char *text = NULL;

    if (!enter())
        return NULL;
    text = describe();
    g_mutex_unlock(&status.lock);
    return text;
}

void
drv_status_call_at_end(void (*at_end)(void))
{
    status.at_end = at_end;
}

/* --- a worker and its caller -----------------------------------------------------------
 */

void
drv_status_set_sink(DrvStatusSink sink, gpointer data)
{
    status.sink_data = data;
    status.sink = sink;
}

void
drv_status_hear(const char *where, const char *text)
{
    DrvStatusStep step = { 0 };
    DrvStatusStep before = { 0 };

    if (text) {
        step.where = g_strdup(where);
        drv_status_step_parse(&step, text);
    }
    if (!enter()) {
        drv_status_step_clear(&step);
        return;
    }
    before = status.heard;
    status.heard = step;
    leave();
    if (text == NULL && before.undone && *before.undone)
        drv_status_undone("%s", before.undone);
    drv_status_step_clear(&before);
}
