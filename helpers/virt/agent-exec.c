/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/agent-exec.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "virt/agent.h"

#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
#define ANSWER "the answer of the guest's agent"
#define SIGNAL_MAX 127 /* a status of 8 bits */
#define PING_TIMEOUT_S 5

void
drv_agent_exec_clear(DrvAgentExec *exec)
{
    g_clear_pointer(&exec->out, g_free);
    g_clear_pointer(&exec->err, g_free);
}

/* {"execute":@name,"arguments":@arguments}; takes the latter. */
static char *
print_command(const char *name, json_object *arguments)
{
    g_autoptr(json_object) command = json_object_new_object();

    drv_json_add_text(command, "execute", name);
    json_object_object_add(command, "arguments", arguments);
    return drv_json_print(command);
}

char *
drv_agent_exec_command(const char *const *words, const char *input)
{
    json_object *arguments = json_object_new_object();

    drv_json_add_text(arguments, "path", words[0]);
    json_object_object_add(arguments, "arg", drv_json_texts(words + 1));
    json_object_object_add(arguments, "capture-output", json_object_new_boolean(TRUE));
    if (*input)
        drv_json_add_text(arguments, "input-data", input);
    return print_command("guest-exec", arguments);
}

gint64
drv_agent_exec_pid(const char *answer, GError **error)
{
    g_autoptr(json_object) document = drv_json_parse_object(ANSWER, answer, -1, error);
    gint64 pid = drv_json_number(drv_json_member(document, "return"), "pid", 0);

    if (document && pid <= 0)
        (void)drv_throw(error, DRV_ERROR_VIRT, "the guest's agent returned no pid");
    return MAX(pid, 0);
}

static char *
output_of(json_object *status, const char *key)
{
    const char *text = drv_json_text(status, key, "");

    return g_strndup(text, MIN(strspn(text, BASE64), DRV_AGENT_EXEC_OUTPUT));
}

gboolean
drv_agent_exec_parse(const char *answer, DrvAgentExec *exec, GError **error)
{
    g_autoptr(json_object) document = drv_json_parse_object(ANSWER, answer, -1, error);
    json_object *status = drv_json_member(document, "return");
    gint64 signal_number = drv_json_number(status, "signal", -1);

    if (document == NULL)
        return FALSE;
    if (!json_object_is_type(status, json_type_object))
        return drv_throw(error, DRV_ERROR_DUMP, "%s has no status of a process", ANSWER);
    exec->exited = drv_json_flag(status, "exited", FALSE);
    exec->code = signal_number >= 0 ? 128 + MIN(signal_number, SIGNAL_MAX)
                                    : drv_json_number(status, "exitcode", 0);
    exec->out = output_of(status, "out-data");
    exec->err = output_of(status, "err-data");
    return TRUE;
}

gint64
drv_agent_exec_start(DrvDomain *domain,
                     const char *const *words,
                     const char *input,
                     guint timeout_s,
                     GError **error)
{
    g_autofree char *command = drv_agent_exec_command(words, input);
    g_autofree char *answer = drv_agent_command(domain, command, timeout_s, error);

    return answer ? drv_agent_exec_pid(answer, error) : 0;
}

/* The agent refuses a pid that it does not know by a text of its own, which is not looked
 * into: it works, as its answer to a ping proves, and guest-exec-status fails for no
 * other reason.
 */
static gboolean
explain_refusal(DrvDomain *domain, GError *why, GError **error)
{
    g_autofree char *pong = NULL;
    g_autoptr(GError) silent = NULL;

    if (drv_error_is(why, DRV_ERROR_VIRT))
        pong = drv_agent_command(
            domain, "{\"execute\":\"guest-ping\"}", PING_TIMEOUT_S, &silent);
    drv_ignore(&silent, "the first error is reported");
    if (pong)
        return drv_throw(error,
                         DRV_ERROR_NOT_FOUND,
                         "the guest's agent knows no such process (%s)",
                         why->message);
    g_propagate_error(error, g_error_copy(why));
    return FALSE;
}

gboolean
drv_agent_exec_status(
    DrvDomain *domain, gint64 pid, guint timeout_s, DrvAgentExec *exec, GError **error)
{
    json_object *arguments = json_object_new_object();
    g_autofree char *command = NULL;
    g_autofree char *answer = NULL;
    g_autoptr(GError) why = NULL;

    json_object_object_add(arguments, "pid", json_object_new_int64(pid));
    command = print_command("guest-exec-status", arguments);
    answer = drv_agent_command(domain, command, timeout_s, &why);
    if (answer == NULL)
        return explain_refusal(domain, why, error);
    return drv_agent_exec_parse(answer, exec, error);
}
