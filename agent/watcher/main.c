/* SPDX-License-Identifier: Apache-2.0 */
/* drv-agent-watcher - libvirt's events for the host agent, until stdin ends.
 *
 *   drv-agent-watcher < settings      lines of JSON on stdout, agent/watcher/watcher.h
 */
#include <fcntl.h>
#include <string.h>

#include "agent/watcher/watcher.h"
#include "base/action.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/help.h"
#include "base/log.h"
#include "virt/events.h"

#define RELIST_S 60
#define POLL_S 5
#define RETRY_FIRST_MS 250
#define RETRY_MOST_MS 10000
#define MAX_LINE (64 * 1024 * 1024)

/* --- stdin -----------------------------------------------------------------------------
 */

/* The first line, byte by byte: what follows is not read yet. */
static gboolean
read_line(GString *line, GError **error)
{
    char c = 0;

    while (c != '\n') {
        gssize n = drv_fd_read(STDIN_FILENO, &c, 1, "stdin", error);

        if (n < 0)
            return FALSE;
        if (n == 0)
            return TRUE;
        if (line->len >= MAX_LINE)
            return drv_throw(error, DRV_ERROR_USAGE, "the first line is too long");
        g_string_append_c(line, c);
    }
    return TRUE;
}

static guint
seconds(json_object *document, const char *key, guint fallback)
{
    return (guint)CLAMP(drv_json_number(document, key, fallback), 1, 86400);
}

static gboolean
configure(Watcher *watcher, GError **error)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_autoptr(json_object) document = NULL;

    if (!read_line(line, error))
        return FALSE;
    document =
        drv_json_parse_object("the first line", line->len ? line->str : "{}", -1, error);
    if (document == NULL)
        return FALSE;
    watcher->relist_s = seconds(document, "relist_s", RELIST_S);
    watcher->poll_s = seconds(document, "poll_s", POLL_S);
    watcher->poll = drv_json_flag(document, "poll", FALSE);
    if (drv_json_member(document, "uri"))
        watcher->uri = g_strdup(drv_json_text(document, "uri", ""));
    watcher->seq = (guint64)drv_json_number(document, "seq", (gint64)watcher->seq);
    model_load(watcher, drv_json_member(document, "known"));
    return TRUE;
}

/* Lines that ask for a list; *over: nobody wants to know any more. */
static gboolean
read_requests(Watcher *watcher, gboolean *over, GError **error)
{
    struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
    char buffer[4096];
    gssize n;

    *over = FALSE;
    if (poll(&fd, 1, 0) <= 0 || fd.revents == 0)
        return TRUE;
    n = drv_fd_read(STDIN_FILENO, buffer, sizeof buffer, "stdin", error);
    *over = n == 0;
    if (n > 0)
        watcher->relist_at = 0;
    return n >= 0;
}

/* --- looking ---------------------------------------------------------------------------
 */

/* FALSE only when the connection is no use any more. */
static gboolean
look(Watcher *watcher, const char *uuid, Batch batch, GError **error)
{
    g_autoptr(GError) why = NULL;
    DrvDomainFacts *facts = drv_domains_look(watcher->virt, uuid, &why);

    if (facts) {
        model_found(watcher, facts, batch);
    } else if (drv_error_is(why, DRV_ERROR_NOT_FOUND)) {
        model_missing(watcher, uuid, batch);
    } else if (drv_virt_is_lost(watcher->virt) ||
               drv_error_is(why, DRV_ERROR_CANCELLED)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    } else {
        model_unknown(watcher, uuid, why->message);
    }
    return TRUE;
}

/* Who is not in the list is looked up: only "no such domain" says that it is gone. */
static gboolean
relist(Watcher *watcher, GError **error)
{
    gint64 began = g_get_monotonic_time();
    g_autoptr(GPtrArray) list = drv_domains_list(watcher->virt, error);
    g_autoptr(GHashTable) listed =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GList) known = NULL;
    const Batch none = { NULL, 0 };

    if (list == NULL)
        return FALSE;
    lines_list_took((double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC);
    for (guint i = 0; i < list->len; i++)
        g_hash_table_add(listed,
                         g_strdup(((DrvDomainFacts *)g_ptr_array_index(list, i))->uuid));
    known = g_hash_table_get_keys(watcher->known);
    for (GList *at = known; at; at = at->next) {
        g_autofree char *uuid = g_strdup(at->data);

        if (!g_hash_table_contains(listed, uuid) && !look(watcher, uuid, none, error))
            return FALSE;
    }
    g_ptr_array_set_free_func(list, NULL);
    for (guint i = 0; i < list->len; i++)
        model_found(watcher, g_ptr_array_index(list, i), none);
    watcher->relist_at =
        g_get_monotonic_time() +
        (gint64)(watcher->events ? watcher->relist_s : watcher->poll_s) * G_USEC_PER_SEC;
    return TRUE;
}

/* --- events ----------------------------------------------------------------------------
 */

/* All that is there of one domain, in order, at its first place. */
static gboolean
look_at_batches(Watcher *watcher, GArray *events, GError **error)
{
    while (events->len > 0) {
        g_autoptr(GArray) batch = g_array_new(FALSE, FALSE, sizeof(DrvLifecycleEvent));
        g_autofree char *uuid =
            g_strdup(g_array_index(events, DrvLifecycleEvent, 0).uuid);
        guint kept = 0;

        for (guint i = 0; i < events->len; i++) {
            DrvLifecycleEvent event = g_array_index(events, DrvLifecycleEvent, i);

            if (strcmp(event.uuid, uuid) == 0)
                g_array_append_val(batch, event);
            else
                g_array_index(events, DrvLifecycleEvent, kept++) = event;
        }
        g_array_set_size(events, kept);
        if (!look(watcher,
                  uuid,
                  (Batch){ (const DrvLifecycleEvent *)(gpointer)batch->data, batch->len },
                  error))
            return FALSE;
    }
    return TRUE;
}

/* Wait for events up to @timeout_ms, and take all that have come. */
static gboolean
take_events(Watcher *watcher, guint timeout_ms, GError **error)
{
    g_autoptr(GArray) events = g_array_new(FALSE, FALSE, sizeof(DrvLifecycleEvent));
    gboolean got = TRUE;

    while (got) {
        DrvLifecycleEvent event;

        if (!drv_events_next(watcher->events,
                             events->len ? 0 : timeout_ms,
                             STDIN_FILENO,
                             &event,
                             &got,
                             error))
            return FALSE;
        if (got)
            g_array_append_val(events, event);
    }
    return look_at_batches(watcher, events, error);
}

static gboolean
wait_to_poll(guint timeout_ms, GError **error)
{
    struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };

    return drv_poll(&fd, 1, (int)timeout_ms, error) >= 0;
}

static guint
ms_until(gint64 when, gint64 other)
{
    gint64 first = other && other < when ? other : when;
    gint64 left = (first - g_get_monotonic_time() + 999) / 1000;

    return (guint)CLAMP(left, 0, 86400 * 1000);
}

static gboolean
look_at_due(Watcher *watcher, GError **error)
{
    g_autoptr(GPtrArray) due = model_due(watcher);
    const Batch none = { NULL, 0 };

    for (guint i = 0; i < due->len; i++) {
        if (!look(watcher, g_ptr_array_index(due, i), none, error))
            return FALSE;
    }
    return TRUE;
}

/* Until the connection is lost (FALSE) or nobody wants to know any more (TRUE). */
static gboolean
follow(Watcher *watcher, GError **error)
{
    gboolean over = FALSE;

    for (;;) {
        gint64 next = model_settle(watcher);
        guint wait_ms = ms_until(watcher->relist_at, next);

        if (watcher->events ? !take_events(watcher, wait_ms, error)
                            : !wait_to_poll(wait_ms, error))
            return FALSE;
        if (!read_requests(watcher, &over, error) || over)
            return over;
        if (!look_at_due(watcher, error))
            return FALSE;
        if (g_get_monotonic_time() >= watcher->relist_at && !relist(watcher, error))
            return FALSE;
    }
}

/* --- the connection --------------------------------------------------------------------
 */

static void
disconnect(Watcher *watcher)
{
    g_clear_pointer(&watcher->events, drv_events_free);
    g_clear_pointer(&watcher->virt, drv_virt_close);
}

/* Register first, list second: what happens in between is looked at after the list. */
static gboolean
connect_and_list(Watcher *watcher, GError **error)
{
    g_autoptr(GError) why = NULL;

    watcher->virt = drv_virt_open(watcher->uri, error);
    if (watcher->virt == NULL)
        return FALSE;
    if (!watcher->poll && drv_domains_has_events(watcher->virt))
        watcher->events = drv_events_new(watcher->virt, &why);
    if (why && !drv_error_is(why, DRV_ERROR_UNSUPPORTED)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    lines_connected(watcher);
    if (!relist(watcher, error))
        return FALSE;
    lines_relist(watcher);
    return TRUE;
}

/* All was unknown while nobody could be asked, so that all are looked at. */
static gboolean
run(Watcher *watcher, GError **error)
{
    guint retry_ms = RETRY_FIRST_MS;
    gboolean over = FALSE;

    while (!over) {
        g_autoptr(GError) why = NULL;
        struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
        gboolean connected = connect_and_list(watcher, &why);

        if (connected && follow(watcher, &why))
            return TRUE;
        retry_ms = connected ? RETRY_FIRST_MS : MIN(retry_ms * 2, RETRY_MOST_MS);
        disconnect(watcher);
        if (drv_error_is(why, DRV_ERROR_CANCELLED))
            return TRUE;
        lines_lost(why->message, retry_ms / 1000.0);
        if (drv_poll(&fd, 1, (int)retry_ms, error) < 0)
            return drv_error_is(*error, DRV_ERROR_CANCELLED);
        if (!read_requests(watcher, &over, error))
            return FALSE;
    }
    return TRUE;
}

int
main(int argc, char **argv)
{
    Watcher watcher = { 0 };
    g_autoptr(GError) error = NULL;
    gboolean ok;

    if (drv_help_answer(argc, argv))
        return drv_action_reply_text(drv_help_answer(argc, argv));
    drv_log_set_name("drv-agent-watcher");
    watcher.known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free);
    ok = drv_cancel_init(&error) && configure(&watcher, &error) && run(&watcher, &error);
    disconnect(&watcher);
    g_hash_table_unref(watcher.known);
    g_free(watcher.uri);
    if (ok)
        return 0;
    drv_error_log("%s", error->message);
    return drv_error_exit_status(drv_error_code(error));
}
