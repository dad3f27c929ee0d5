/* SPDX-License-Identifier: Apache-2.0 */
/* A client's XML-RPC call.  What it asks with is answered with, and is well-formed. */
#include <stdint.h>
#include <string.h>

#include "agent/agentd/agentd.h"
#include "request/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autofree char *method = NULL;
    g_autofree char *answer = NULL;
    g_autoptr(DrvXml) xml = NULL;
    g_autoptr(GError) error = NULL;
    const char *why = NULL;
    Call call = { .form = FORM_XML };

    if (!xml_call(text, size, &method, &call.args, &why)) {
        g_assert(why != NULL);
        return 0;
    }
    g_assert(method != NULL && call.args != NULL);
    answer = xml_answer(&call, call.args);
    xml = drv_xml_parse("the answer", answer, -1, &error);
    g_assert_no_error(error);
    json_object_put(call.args);
    return 0;
}
