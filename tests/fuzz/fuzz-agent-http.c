/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a client's HTTP request.  First byte: how much of the rest is there at
 * first: what was judged from a part is not judged otherwise when more comes.
 */
#include <stdint.h>
#include <string.h>

#include "agent/agentd/agentd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
parse(const char *text, gsize size, HttpRequest *request)
{
    g_autofree char *copy = g_malloc(size + !size); /* a byte too far is noticed */

    memcpy(copy, text, size);
    return http_parse(copy, size, request);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    HttpRequest part, whole;
    int early, late;

    if (size < 2)
        return 0;
    early = parse((const char *)data + 1, data[0] % size, &part);
    late = parse((const char *)data + 1, size - 1, &whole);
    g_assert(late == 0 || (late >= 200 && late < 600));
    g_assert(early == 0 || early == late);
    if (late == 200) {
        g_assert(whole.post);
        g_assert_cmpuint(whole.head, >=, 4);
        g_assert_cmpuint(whole.head, <=, MIN(size - 1, AGENT_MAX_HEAD));
        g_assert_cmpuint(whole.body, <=, AGENT_MAX_BODY);
    }
    if (early == 200)
        g_assert(part.head == whole.head && part.body == whole.body);
    return 0;
}
