/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/rpc.h"

#include <string.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"

#define UPDATES_S 30
#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS 2000

json_object *
rpc_id(const char *id)
{
    return json_with_text(json_object_new_object(), "id", id);
}

void
rpc_init(Rpc *rpc, const Config *config, const char *label, gboolean again)
{
    rpc->config = config;
    rpc->client =
        (Client){ .path = config->socket, .timeout_s = CLIENT_TIMEOUT_S, .fd = -1 };
    rpc->label = g_strdup(label);
    rpc->again = again;
    rpc->begun = g_ptr_array_new_with_free_func(g_free);
}

void
rpc_clear(Rpc *rpc)
{
    client_close(&rpc->client);
    g_free(rpc->label);
    if (rpc->begun)
        g_ptr_array_unref(rpc->begun);
}

/* --- an agent that is away -------------------------------------------------------------
 */

static gboolean
reach(Rpc *rpc, gint64 deadline, GError **error)
{
    int wait_ms = RETRY_FIRST_MS;

    while (rpc->client.fd < 0 && !client_open(&rpc->client, error)) {
        if (g_get_monotonic_time() > deadline)
            return FALSE;
        g_clear_error(error);
        if (drv_poll(NULL, 0, wait_ms, error) < 0)
            return FALSE;
        wait_ms = MIN(wait_ms * 2, RETRY_MAX_MS);
    }
    return TRUE;
}

typedef gboolean (*Attempt)(Rpc *rpc, gpointer data, GError **error);

/* Again for as long as the agent is merely away; it may come back without memory of what
 * was asked, so @attempt looks first.
 */
static gboolean
persist(Rpc *rpc, Attempt attempt, gpointer data, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + rpc->config->agent_away_s * G_USEC_PER_SEC;

    for (;;) {
        g_autoptr(GError) why = NULL;

        if (reach(rpc, deadline, &why) && attempt(rpc, data, &why))
            return TRUE;
        if (!drv_error_is(why, DRV_ERROR_REMOTE) || g_get_monotonic_time() > deadline) {
            client_close(&rpc->client);
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        client_close(&rpc->client);
        rpc->again = TRUE;
    }
}

/* --- calls -----------------------------------------------------------------------------
 */

typedef struct {
    const char *method, *step;
    json_object *args, *result;
} Asked;

static void
asked_clear(Asked *asked)
{
    json_object_put(asked->args);
    json_object_put(asked->result);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Asked, asked_clear)

static gboolean
ask(Rpc *rpc,
    const char *method,
    json_object *args,
    int wait_s,
    json_object **result,
    GError **error)
{
    if (!drv_json_member(args, "debug_info"))
        json_with_text(args, "debug_info", rpc->label);
    return client_call(&rpc->client, method, args, wait_s, result, error);
}

static gboolean
call_once(Rpc *rpc, gpointer data, GError **error)
{
    Asked *asked = data;

    return ask(
        rpc, asked->method, json_object_get(asked->args), 0, &asked->result, error);
}

static gboolean
give(Asked *asked, json_object **result)
{
    if (result)
        *result = g_steal_pointer(&asked->result);
    return TRUE;
}

gboolean
rpc_call(
    Rpc *rpc, const char *method, json_object *args, json_object **result, GError **error)
{
    g_auto(Asked) asked = { .method = method, .args = args };

    if (result)
        *result = NULL;
    return persist(rpc, call_once, &asked, error) && give(&asked, result);
}

/* --- tasks -----------------------------------------------------------------------------
 */

/* The task that an earlier call began; NULL without error: there is none. */
static gboolean
find_begun(Rpc *rpc, const char *dbg, char **id, GError **error)
{
    g_autoptr(json_object) all = NULL;

    *id = NULL;
    if (!rpc->again)
        return TRUE;
    if (!ask(rpc, "Task.list", json_object_new_object(), 0, &all, error))
        return FALSE;
    for (gsize i = 0; i < json_size(all) && *id == NULL; i++) {
        json_object *task = json_element(all, i);

        if (strcmp(drv_json_text(task, "dbg", ""), dbg) == 0)
            *id = g_strdup(drv_json_text(task, "id", ""));
    }
    return TRUE;
}

GPtrArray *
rpc_begun(Rpc *rpc, GError **error)
{
    g_autofree char *prefix = g_strconcat(rpc->label, "/", NULL);
    g_autoptr(GPtrArray) steps = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(json_object) all = NULL;

    if (rpc->again && !rpc_call(rpc, "Task.list", json_object_new_object(), &all, error))
        return NULL;
    for (gsize i = 0; i < json_size(all); i++) {
        const char *dbg = drv_json_text(json_element(all, i), "dbg", "");

        if (g_str_has_prefix(dbg, prefix))
            g_ptr_array_add(steps, g_strdup(dbg + strlen(prefix)));
    }
    return g_steal_pointer(&steps);
}

static gboolean
begin(Rpc *rpc, const Asked *asked, char **id, GError **error)
{
    g_autofree char *dbg = g_strdup_printf("%s/%s", rpc->label, asked->step);
    g_autoptr(json_object) task = NULL;
    json_object *args = NULL;

    if (!find_begun(rpc, dbg, id, error))
        return FALSE;
    if (*id == NULL) {
        (void)json_object_deep_copy(asked->args, &args, NULL);
        json_with_text(args, "debug_info", dbg);
        if (!ask(rpc, asked->method, args, 0, &task, error))
            return FALSE;
        if (!json_object_is_type(task, json_type_string))
            return drv_throw(error,
                             DRV_ERROR_FAILED,
                             "the agent's answer to %s is not a task",
                             asked->method);
        *id = g_strdup(json_object_get_string(task));
    }
    g_ptr_array_add(rpc->begun, g_strdup(*id));
    return TRUE;
}

/* Blocks until something changed after *token, which is renewed. */
static gboolean
wait_for_change(Rpc *rpc, json_object **token, GError **error)
{
    json_object *args = json_object_new_object();
    g_autoptr(json_object) news = NULL;

    json_with(args, "last_id", json_object_get(*token));
    json_with(args, "timeout", json_object_new_int(UPDATES_S));
    if (!ask(rpc, "UPDATES.get", args, UPDATES_S, &news, error))
        return FALSE;
    json_object_put(*token);
    *token = json_object_get(json_element(news, 2));
    return TRUE;
}

/* The agent's sentence, unless the variant says more. */
static gboolean
judge(json_object *task, Asked *asked, GError **error)
{
    json_object *argument;
    const char *state = agent_json_variant(drv_json_member(task, "state"), &argument);
    const char *message = drv_json_text(task, "message", "");
    const char *undone = drv_json_text(task, "undone", "");
    g_autoptr(GError) why = NULL;

    json_object_put(asked->result);
    asked->result = json_object_get(drv_json_member(argument, "result"));
    if (strcmp(state, "Completed") == 0)
        return TRUE;
    (void)client_error(argument, &why);
    if (strcmp(agent_json_variant(argument, NULL), "Bad_power_state") == 0 ||
        *message == '\0')
        message = why->message;
    return drv_throw(error,
                     drv_error_is(why, DRV_ERROR_CANCELLED) ? DRV_ERROR_FAILED
                                                            : drv_error_code(why),
                     "%s%s%s%s",
                     message,
                     *undone ? " (" : "",
                     undone,
                     *undone ? ")" : "");
}

/* The token is older than each look at the task, so no change is missed. */
static gboolean
run_once(Rpc *rpc, gpointer data, GError **error)
{
    Asked *asked = data;
    g_autoptr(json_object) token = NULL;
    g_autofree char *id = NULL;

    if (!ask(rpc,
             "UPDATES.last_id",
             json_with(
                 json_object_new_object(), "extended", json_object_new_boolean(TRUE)),
             0,
             &token,
             error) ||
        !begin(rpc, asked, &id, error))
        return FALSE;
    for (;;) {
        g_autoptr(json_object) task = NULL;

        if (!ask(rpc, "Task.stat", rpc_id(id), 0, &task, error))
            return FALSE;
        if (strcmp(agent_json_variant(drv_json_member(task, "state"), NULL), "Pending") !=
            0)
            return judge(task, asked, error);
        if (!wait_for_change(rpc, &token, error))
            return FALSE;
    }
}

gboolean
rpc_run(Rpc *rpc,
        const char *step,
        const char *method,
        json_object *args,
        json_object **result,
        GError **error)
{
    g_auto(Asked) asked = { .method = method, .step = step, .args = args };

    if (result)
        *result = NULL;
    return persist(rpc, run_once, &asked, error) && give(&asked, result);
}

/* One that is forgotten here is forgotten by the agent itself, some day. */
void
rpc_forget_begun(Rpc *rpc)
{
    for (guint i = 0; i < rpc->begun->len; i++) {
        g_autoptr(json_object) nothing = NULL;
        g_autoptr(GError) error = NULL;

        if ((rpc->client.fd >= 0 || client_open(&rpc->client, &error)) &&
            ask(rpc,
                "Task.destroy",
                rpc_id(g_ptr_array_index(rpc->begun, i)),
                0,
                &nothing,
                &error))
            continue;
        drv_ignore(&error, "the agent forgets old tasks by itself");
    }
    g_ptr_array_set_size(rpc->begun, 0);
}
