/* SPDX-License-Identifier: Apache-2.0 */
/* A client's JSON-RPC call.  What it asks with is answered with: the answer is one line
 * of JSON, and means the same.
 */
#include <stdint.h>
#include <string.h>

#include "agent/agentd/agentd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_answer(const Call *call, json_object *result)
{
    g_autofree char *text = json_answer(call, result);
    const char *why = NULL;
    json_object *answer, *again = NULL;

    g_assert(strchr(text, '\n') == NULL);
    answer = agent_json_read(text, strlen(text), AGENT_MAX_DEPTH, &why);
    g_assert(answer != NULL || why != NULL); /* an echo may be a level too deep */
    if (answer && json_object_object_get_ex(answer, "result", &again))
        g_assert(json_object_equal(again, result) ||
                 strchr(json_object_to_json_string(result), '.')); /* rounded */
    json_object_put(answer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    const char *why = NULL, *method = NULL;
    json_object *document = agent_json_read(text, size, AGENT_MAX_DEPTH, &why);
    Call call = { 0 };

    g_assert(why == NULL || document == NULL);
    if (why == NULL && json_call(document, &call.form, &method, &call.args, &call.id)) {
        g_assert(method != NULL && call.args != NULL);
        check_answer(&call, call.args);
        json_object_put(call.args);
    }
    json_object_put(document);
    return 0;
}
