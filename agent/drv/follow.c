/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks are followed by updates: one blocked call, no polling.  When the agent goes away,
 * its next instance is waited for: it says what became of the task.
 */
#include <string.h>

#include "agent/drv/drv.h"
#include "agent/drv/print.h"
#include "base/cancel.h"

#define UPDATES_S 30 /* one UPDATES.get */
#define AWAY_S 30    /* how long an agent may take to come back */
#define RETRY_MS 200

typedef struct {
    Drv *drv;
    const char *id, *what;
    gint64 deadline; /* monotonic, 0: none */
    json_object *token, *task;
} Follow;

static void
follow_clear(Follow *follow)
{
    json_object_put(follow->token);
    json_object_put(follow->task);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Follow, follow_clear)

static const char *
state_of(Follow *follow, json_object **argument)
{
    return agent_json_variant(drv_json_member(follow->task, "state"), argument);
}

static gboolean
is_final(Follow *follow)
{
    return strcmp(state_of(follow, NULL), "Pending") != 0;
}

static void
show(Follow *follow)
{
    json_object *part;

    if (follow->drv->json) {
        print_json(follow->task, FALSE);
    } else if (strcmp(state_of(follow, &part), "Pending") == 0 && !follow->drv->quiet) {
        const char *phase = drv_json_text(follow->task, "phase", "waits");
        g_autofree char *text = g_strdup_printf("%s: %s", follow->what, phase);

        bar_draw(json_object_get_double(part), text);
    }
}

static gboolean
ask(Follow *follow, GError **error)
{
    json_object *task;

    if (!client_call(&follow->drv->client,
                     "Task.stat",
                     client_args("id", follow->id),
                     0,
                     &task,
                     error))
        return FALSE;
    json_object_put(follow->task);
    follow->task = task;
    return TRUE;
}

static gboolean
begin(Follow *follow, GError **error)
{
    json_object *args =
        json_with(client_args(NULL, NULL), "extended", json_object_new_boolean(TRUE));

    json_object_put(g_steal_pointer(&follow->token));
    return client_call(
        &follow->drv->client, "UPDATES.last_id", args, 0, &follow->token, error);
}

/* Until anything changed: the token is older than what was asked before. */
static gboolean
wait_for_change(Follow *follow, GError **error)
{
    json_object *args = client_args(NULL, NULL);
    g_autoptr(json_object) news = NULL;
    int wait_s = UPDATES_S;

    if (follow->deadline) {
        gint64 left = follow->deadline - g_get_monotonic_time();

        if (left <= 0) {
            json_object_put(args);
            return drv_throw(error, DRV_ERROR_TIMEOUT, "it has not ended in time");
        }
        wait_s = (int)MIN(wait_s, left / G_USEC_PER_SEC + 1);
    }
    json_with(args, "last_id", json_object_get(follow->token));
    json_with(args, "timeout", json_object_new_int(wait_s));
    if (!client_call(&follow->drv->client, "UPDATES.get", args, wait_s, &news, error))
        return FALSE;
    json_object_put(follow->token);
    follow->token = json_object_get(json_element(news, 2));
    return TRUE;
}

/* The agent went away: until its next instance answers. */
static gboolean
reconnect(Follow *follow, GError **error)
{
    gint64 end = g_get_monotonic_time() + AWAY_S * G_USEC_PER_SEC;
    Client *client = &follow->drv->client;

    client_close(client);
    print_note("the agent went away; waiting for it (task %s)", follow->id);
    while (!client_open(client, error)) {
        if (g_get_monotonic_time() > end)
            return FALSE;
        g_clear_error(error);
        if (drv_poll(NULL, 0, RETRY_MS, error) < 0)
            return FALSE;
    }
    return TRUE;
}

static gboolean
follow_once(Follow *follow, GError **error)
{
    if (!begin(follow, error) || !ask(follow, error))
        return FALSE;
    show(follow);
    while (!is_final(follow)) {
        if (!wait_for_change(follow, error) || !ask(follow, error))
            return FALSE;
        show(follow);
    }
    return TRUE;
}

static gboolean
judge(Follow *follow, GError **error)
{
    json_object *argument;
    const char *state = state_of(follow, &argument);
    const char *message = drv_json_text(follow->task, "message", NULL);
    const char *undone = drv_json_text(follow->task, "undone", NULL);
    g_autoptr(GError) why = NULL;
    double seconds = json_real(argument, "duration", 0);

    bar_clear();
    if (strcmp(state, "Completed") == 0) {
        if (!follow->drv->json && !follow->drv->quiet)
            print_line("%s: done in %.2f s", follow->what, seconds);
        return TRUE;
    }
    (void)client_error(argument, &why);
    return drv_throw(error,
                     drv_error_code(why),
                     "cannot %s: %s%s%s%s",
                     follow->what,
                     message ? message : why->message,
                     undone ? " (" : "",
                     undone ? undone : "",
                     undone ? ")" : "");
}

gboolean
follow_task(Drv *drv,
            const char *id,
            const char *what,
            int timeout_s,
            json_object **task,
            GError **error)
{
    g_auto(Follow) follow = { .drv = drv, .id = id, .what = what };
    g_autoptr(GError) why = NULL;
    gboolean ok;

    if (timeout_s > 0)
        follow.deadline = g_get_monotonic_time() + (gint64)timeout_s * G_USEC_PER_SEC;
    ok = follow_once(&follow, &why);
    while (!ok && drv_error_is(why, DRV_ERROR_REMOTE)) {
        g_clear_error(&why);
        ok = reconnect(&follow, &why) && follow_once(&follow, &why);
        if (drv->client.fd < 0)
            break;
    }
    if (task)
        *task = json_object_get(follow.task);
    if (ok)
        return judge(&follow, error);
    if (!drv_error_is(why, DRV_ERROR_NOT_FOUND) && follow.task && !is_final(&follow))
        print_note("the task goes on: drv task wait %s, or drv task cancel %s", id, id);
    g_propagate_error(error, g_steal_pointer(&why));
    return drv_prefix(error, "cannot %s", what);
}

gboolean
follow_call(
    Drv *drv, const char *method, json_object *args, const char *what, GError **error)
{
    g_autoptr(json_object) task = NULL;
    const char *id;

    if (!client_call(&drv->client, method, args, 0, &task, error))
        return drv_prefix(error, "cannot %s", what);
    if (!json_object_is_type(task, json_type_string)) {
        if (!drv->json && !drv->quiet)
            print_line("%s: done", what);
        return TRUE;
    }
    id = json_object_get_string(task);
    if (!drv->no_wait)
        return follow_task(drv, id, what, 0, NULL, error);
    if (drv->json) {
        g_autoptr(json_object) line =
            json_with_text(json_object_new_object(), "task", id);

        print_json(line, FALSE);
    } else {
        print_line("%s", id);
    }
    return TRUE;
}
