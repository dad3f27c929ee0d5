/* SPDX-License-Identifier: Apache-2.0 */
/* drv cancel, drv log: one action, by its id. */
#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "agent/drv/drv.h"
#include "agent/drv/print.h"
#include "base/cancel.h"
#include "base/fd.h"
#include "base/status-read.h"

#define PATIENCE_MS 1000 /* then is said what it waits for */
#define LOG_MAX (1024 * 1024)

/* --- the log ---------------------------------------------------------------------------
 */

/* The next piece of the log behind what was read: what follows *end is not whole yet. */
static gboolean
read_more(int fd, GString *text, GError **error)
{
    char buffer[16384];
    gssize got;

    while ((got = read(fd, buffer, sizeof buffer)) > 0) {
        if (text->len + (gsize)got > LOG_MAX)
            return drv_throw(error, DRV_ERROR_REFUSED, "the log is too long");
        g_string_append_len(text, buffer, got);
    }
    return got == 0 || drv_throw_errno(error, "cannot read the log");
}

/* "2026-11-27T23:40:01.123Z DONE after 2.5 s": the text behind the word, or NULL. */
static const char *
said(const char *line, const char *word)
{
    const char *at = strchr(line, ' ');
    gsize size = strlen(word);

    if (at == NULL || strncmp(at + 1, word, size) != 0 || at[1 + size] != ' ')
        return NULL;
    return at + size + 2;
}

static gboolean
is_last(const char *line)
{
    return said(line, "DONE") || said(line, "FAILED") || said(line, "CANCELLED");
}

/* Print whole lines behind *printed; TRUE when the last one was among them. */
static gboolean
print_lines(const GString *text, gsize *printed)
{
    const char *end;
    gboolean last = FALSE;

    while ((end = memchr(text->str + *printed, '\n', text->len - *printed))) {
        gsize size = (gsize)(end - (text->str + *printed));
        g_autofree char *line = g_strndup(text->str + *printed, size);

        print_line("%s", line);
        last = is_last(line);
        *printed += size + 1;
    }
    return last;
}

static gboolean
is_running(const char *id)
{
    g_autoptr(GPtrArray) entries = drv_status_list(NULL);

    for (guint i = 0; entries && i < entries->len; i++) {
        if (g_str_equal(((const DrvStatusEntry *)entries->pdata[i])->id, id))
            return TRUE;
    }
    return FALSE;
}

static gboolean follow;

static const GOptionEntry log_options[] = {
    { "follow", 'f', 0, G_OPTION_ARG_NONE, &follow, "Until the action has ended", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
};

/* Until the last line; or until the action is gone without one: it was killed. */
static gboolean
follow_log(int fd, const char *id, GString *text, gsize *printed, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    g_auto(DrvFd) changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    char buffer[4096];
    const char *why;

    if (changes < 0 || inotify_add_watch(changes, path, IN_MODIFY) < 0)
        return drv_throw_errno(error, "cannot watch the log");
    for (;;) {
        struct pollfd poll = { .fd = changes, .events = POLLIN };
        gboolean running = is_running(id);

        if (!read_more(fd, text, error))
            return FALSE;
        if (print_lines(text, printed) || !running || !print_flush(&why))
            return TRUE;
        if (drv_poll(&poll, 1, PATIENCE_MS, error) < 0)
            return FALSE;
        (void)!read(changes, buffer, sizeof buffer);
    }
}

static gboolean
show_log(Drv *drv, char **words, GError **error)
{
    g_autofree char *id = NULL;
    g_auto(DrvFd) fd = drv_status_open_log(words[0], &id, error);
    g_autoptr(GString) text = g_string_new(NULL);
    gsize printed = 0;

    (void)drv;
    if (fd < 0 || !read_more(fd, text, error))
        return FALSE;
    return print_lines(text, &printed) || !follow ||
           follow_log(fd, id, text, &printed, error);
}

/* --- cancelling ------------------------------------------------------------------------
 */

/* The action whose id is or begins with @id; it stays in @entries. */
static const DrvStatusEntry *
find_action(GPtrArray *entries, const char *id, GError **error)
{
    const DrvStatusEntry *found = NULL;
    guint n = 0;

    for (guint i = 0; i < entries->len; i++) {
        const DrvStatusEntry *entry = entries->pdata[i];

        if (g_str_equal(entry->id, id))
            return entry;
        if (g_str_has_prefix(entry->id, id)) {
            found = entry;
            n++;
        }
    }
    if (n == 1)
        return found;
    (void)drv_throw(error,
                    n == 0 ? DRV_ERROR_NOT_FOUND : DRV_ERROR_USAGE,
                    "%s action that runs has the id %s; see drv ps",
                    n == 0 ? "no" : "more than one",
                    id);
    return NULL;
}

static gboolean
await_end(const DrvStatusEntry *entry, int process, GError **error)
{
    struct pollfd poll = { .fd = process, .events = POLLIN };
    int ready = drv_poll(&poll, 1, PATIENCE_MS, error);

    if (ready == 0) {
        print_note("%s has been asked to stop, and is waited for", entry->id);
        ready = drv_poll(&poll, 1, -1, error);
    }
    return ready > 0;
}

/* What the action said at its end. */
typedef struct {
    char *done, *failed, *cancelled, *undone;
} Outcome;

static void
outcome_clear(Outcome *outcome)
{
    g_free(outcome->done);
    g_free(outcome->failed);
    g_free(outcome->cancelled);
    g_free(outcome->undone);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Outcome, outcome_clear)

static gboolean
read_outcome(int fd, Outcome *outcome, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(GStrv) lines = NULL;

    if (!read_more(fd, text, error))
        return FALSE;
    lines = g_strsplit(text->str, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        struct {
            const char *word;
            char **to;
        } kinds[] = { { "DONE", &outcome->done },
                      { "FAILED", &outcome->failed },
                      { "CANCELLED", &outcome->cancelled },
                      { "UNDONE", &outcome->undone } };

        for (guint k = 0; k < G_N_ELEMENTS(kinds); k++) {
            if (said(lines[i], kinds[k].word) && *kinds[k].to == NULL)
                *kinds[k].to = g_strdup(said(lines[i], kinds[k].word));
        }
    }
    return TRUE;
}

static void
print_cancelled(const Drv *drv, const char *what, const char *undone, const char *id)
{
    if (drv->json) {
        g_autoptr(json_object) line = json_with_text(json_object_new_object(), "id", id);

        json_with_text(line, "result", "cancelled");
        json_with_text(line, "undone", undone);
        print_json(line, FALSE);
    } else if (!drv->quiet) {
        print_line("cancelled: %s: %s", what, undone);
    }
}

static gboolean
judge(const Drv *drv, const DrvStatusEntry *entry, const Outcome *end, GError **error)
{
    g_autofree char *what = g_strdup_printf("%s of %s",
                                            drv_status_entry_text(entry, "action"),
                                            drv_status_entry_text(entry, "object"));

    if (end->done)
        return drv_throw(error, DRV_ERROR_FAILED, "too late: %s is done", what);
    if (end->failed)
        return drv_throw(
            error, DRV_ERROR_FAILED, "%s failed before: %s", what, end->failed);
    if (end->cancelled == NULL)
        return drv_throw(error,
                         DRV_ERROR_FAILED,
                         "%s was killed; its next try rolls back or completes it",
                         what);
    print_cancelled(
        drv, what, end->undone ? end->undone : "nothing had been changed", entry->id);
    return TRUE;
}

static gboolean
cancel(Drv *drv, char **words, GError **error)
{
    g_autoptr(GPtrArray) entries = drv_status_list(error);
    const DrvStatusEntry *entry = entries ? find_action(entries, words[0], error) : NULL;
    g_auto(DrvFd) log = entry ? drv_status_open_log(entry->id, NULL, error) : -1;
    g_auto(DrvFd) process = -1;
    g_auto(Outcome) outcome = { NULL, NULL, NULL, NULL };

    if (log < 0 || !drv_status_entry_stop(entry, &process, error))
        return FALSE;
    if (drv->no_wait)
        return TRUE;
    return await_end(entry, process, error) && read_outcome(log, &outcome, error) &&
           judge(drv, entry, &outcome, error);
}

static const Verb cancel_verbs[] = {
    { NULL, "ID", "stop an action of drv ps", 1, 1, WORD_ACTION, NULL, cancel },
    { NULL, NULL, NULL, 0, 0, WORD_ANY, NULL, NULL },
};

static const Verb log_verbs[] = {
    { NULL, "ID", "what an action said", 1, 1, WORD_ACTION, log_options, show_log },
    { NULL, NULL, NULL, 0, 0, WORD_ANY, NULL, NULL },
};

const Noun noun_cancel = { "cancel", "an action", cancel_verbs };
const Noun noun_log = { "log", "an action", log_verbs };
