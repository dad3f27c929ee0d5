/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/common/client.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"

gboolean
client_open(Client *client, GError **error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    g_auto(DrvFd) fd = -1;

    if (strlen(client->path) >= sizeof address.sun_path)
        return drv_throw(error,
                         DRV_ERROR_USAGE,
                         "the socket's path has more than %zu bytes: '%s'",
                         sizeof address.sun_path - 1,
                         client->path);
    g_strlcpy(address.sun_path, client->path, sizeof address.sun_path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        (void)drv_throw_errno(error, "cannot reach the agent at '%s'", client->path);
        if (error && *error)
            (*error)->code = DRV_ERROR_REMOTE;
        return FALSE;
    }
    client->in = g_string_new(NULL);
    client->searched = 0;
    client->fd = drv_fd_steal(&fd);
    return TRUE;
}

void
client_close(Client *client)
{
    if (client->fd < 0)
        return;
    close(client->fd);
    client->fd = -1;
    g_string_free(client->in, TRUE);
    client->in = NULL;
}

/* --- lines
 * ------------------------------------------------------------------------------
 */

static gboolean
wait_for(Client *client, gint64 deadline, GError **error)
{
    struct pollfd fd = { .fd = client->fd, .events = POLLIN };
    gint64 left =
        deadline < 0 ? -1 : MAX((deadline - g_get_monotonic_time() + 999) / 1000, 0);
    int n = drv_poll(&fd, 1, (int)MIN(left, G_MAXINT), error);

    if (n == 0)
        return drv_throw(error, DRV_ERROR_TIMEOUT, "the agent does not answer");
    return n > 0;
}

/* @deadline is monotonic, -1: none.  Caller frees. */
static char *
read_line(Client *client, gint64 deadline, GError **error)
{
    char buffer[65536], *end, *line;
    GString *in = client->in;

    while ((end = memchr(in->str + client->searched, '\n', in->len - client->searched)) ==
           NULL) {
        g_autoptr(GError) why = NULL;
        gssize n;

        client->searched = in->len;
        if (in->len > CLIENT_MAX_ANSWER) {
            (void)drv_throw(error, DRV_ERROR_REMOTE, "the agent's answer is too large");
            return NULL;
        }
        if (!wait_for(client, deadline, error))
            return NULL;
        n = drv_fd_read(client->fd, buffer, sizeof buffer, "the agent's socket", &why);
        if (n <= 0) {
            (void)drv_throw(error,
                            why ? drv_error_code(why) : DRV_ERROR_REMOTE,
                            "the agent went away%s%s",
                            why ? ": " : "",
                            why ? why->message : "");
            if (error && *error && drv_error_code(*error) != DRV_ERROR_CANCELLED)
                (*error)->code = DRV_ERROR_REMOTE;
            return NULL;
        }
        g_string_append_len(in, buffer, n);
    }
    line = g_strndup(in->str, (gsize)(end - in->str));
    g_string_erase(in, 0, end - in->str + 1);
    client->searched = 0;
    return line;
}

static json_object *
read_json(Client *client, gint64 deadline, GError **error)
{
    g_autofree char *line = read_line(client, deadline, error);
    const char *why = NULL;
    json_object *answer =
        line ? agent_json_read(line, strlen(line), DRV_JSON_DEPTH, &why) : NULL;

    if (line && answer == NULL)
        (void)drv_throw(
            error, DRV_ERROR_REMOTE, "the agent's answer is not valid JSON: %s", why);
    return answer;
}

json_object *
client_next(Client *client, int timeout_ms, GError **error)
{
    gint64 deadline =
        timeout_ms < 0 ? -1 : g_get_monotonic_time() + (gint64)timeout_ms * 1000;

    return read_json(client, deadline, error);
}

/* --- calls
 * ------------------------------------------------------------------------------
 */

json_object *
client_args(const char *key, const char *value)
{
    json_object *args = json_with_text(json_object_new_object(), "debug_info", "drv");

    return key ? json_with_text(args, key, value) : args;
}

static gboolean
send_call(Client *client, const char *method, json_object *args, GError **error)
{
    g_autoptr(json_object) call = json_object_new_object();
    json_object *params = json_object_new_array();
    g_autofree char *text = NULL;

    json_object_array_add(params, args);
    json_with_text(call, "method", method);
    json_with(call, "params", params);
    json_with(call, "id", json_object_new_int64(++client->number));
    text = g_strconcat(
        json_object_to_json_string_ext(call, JSON_C_TO_STRING_PLAIN), "\n", NULL);
    if (drv_fd_write_all(client->fd, text, strlen(text), "the agent's socket", error))
        return TRUE;
    if (error && *error && drv_error_code(*error) != DRV_ERROR_CANCELLED)
        (*error)->code = DRV_ERROR_REMOTE;
    return FALSE;
}

gboolean
client_call(Client *client,
            const char *method,
            json_object *args,
            int wait_s,
            json_object **result,
            GError **error)
{
    g_autoptr(json_object) answer = NULL;
    json_object *refused;
    gint64 limit_s = (gint64)client->timeout_s + wait_s;

    *result = NULL;
    if (!send_call(client, method, args, error))
        return FALSE;
    answer = read_json(client, g_get_monotonic_time() + limit_s * G_USEC_PER_SEC, error);
    if (answer == NULL)
        return FALSE;
    refused = drv_json_member(answer, "error");
    if (refused)
        return client_error(refused, error);
    *result = json_object_get(drv_json_member(answer, "result"));
    return TRUE;
}

/* --- the agent's errors
 * -----------------------------------------------------------------
 */

/* ["VM","u1"], and, of devices, ["VBD",["u1","vda"]]. */
static char *
object_text(json_object *pair)
{
    json_object *id = json_element(pair, 1);
    const char *class = agent_json_variant(pair, NULL);

    if (json_object_is_type(id, json_type_array))
        return g_strdup_printf("%s '%s' of VM '%s'",
                               class,
                               agent_json_variant(json_element(id, 1), NULL),
                               agent_json_variant(id, NULL));
    return g_strdup_printf("%s '%s'", class, agent_json_variant(id, NULL));
}

typedef struct {
    const char *name;
    DrvErrorCode code;
    /* %s: the argument's first, then its second element, or the argument itself */
    const char *before, *between, *after;
} Sentence;

/* The argument's texts stand between. */
static const Sentence sentences[] = {
    { "Bad_power_state", DRV_ERROR_FAILED, "the VM is ", ", not ", "" },
    { "Domain_not_built", DRV_ERROR_FAILED, "the VM does not run", NULL, NULL },
    { "Invalid_vcpus", DRV_ERROR_FAILED, "VCPUs have to be from 1 to ", "", "" },
    { "Failed_to_shutdown",
      DRV_ERROR_TIMEOUT,
      "the guest of '",
      "' did not shut down within ",
      " seconds" },
    { "Failed_to_suspend",
      DRV_ERROR_TIMEOUT,
      "the guest of '",
      "' did not suspend within ",
      " seconds" },
    { "Failed_to_acknowledge_shutdown_request",
      DRV_ERROR_TIMEOUT,
      "the guest does not react to the request to shut down",
      NULL,
      NULL },
    { "Unimplemented", DRV_ERROR_UNSUPPORTED, "the agent cannot do '", "", "'" },
    { "Failed_to_contact_remote_service", DRV_ERROR_FAILED, "cannot reach '", "", "'" },
    { "Device_is_connected", DRV_ERROR_BUSY, "the device is plugged in", NULL, NULL },
    { "Internal_error", DRV_ERROR_FAILED, "", "", "" },
    { "Cancelled", DRV_ERROR_CANCELLED, "it was cancelled", NULL, NULL },
};

static const char *
argument_text(json_object *value)
{
    const char *text = value ? json_object_get_string(value) : NULL;

    return text ? text : "";
}

static gboolean
throw_sentence(const Sentence *sentence, json_object *argument, GError **error)
{
    gboolean two = json_object_is_type(argument, json_type_array);

    if (sentence->between == NULL)
        return drv_throw(error, sentence->code, "%s", sentence->before);
    return drv_throw(error,
                     sentence->code,
                     "%s%s%s%s%s",
                     sentence->before,
                     argument_text(two ? json_element(argument, 0) : argument),
                     two ? sentence->between : "",
                     two ? argument_text(json_element(argument, 1)) : "",
                     sentence->after);
}

gboolean
client_error(json_object *variant, GError **error)
{
    json_object *argument;
    const char *name = agent_json_variant(variant, &argument);
    g_autofree char *object = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(sentences); i++) {
        if (strcmp(sentences[i].name, name) == 0)
            return throw_sentence(&sentences[i], argument, error);
    }
    if (strcmp(name, "Does_not_exist") == 0 || strcmp(name, "Already_exists") == 0) {
        gboolean missing = *name == 'D';

        object = object_text(argument);
        return drv_throw(error,
                         missing ? DRV_ERROR_NOT_FOUND : DRV_ERROR_EXISTS,
                         missing ? "there is no %s" : "%s exists already",
                         object);
    }
    return drv_throw(error,
                     DRV_ERROR_FAILED,
                     "%s",
                     json_object_to_json_string_ext(variant, JSON_C_TO_STRING_PLAIN));
}
