/* SPDX-License-Identifier: Apache-2.0 */
/* The answer to guest-exec and guest-exec-status.  libvirt has seen that it is JSON, but
 * what is in it comes from the guest.
 */
#include <string.h>

#include "im/base/im.h"

#define OUTPUT_MAX ((gsize)256 << 10) /* of base64, a multiple of 4 */
#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="

void
im_exec_end_clear(ImExecEnd *end)
{
    g_free(end->out);
    g_free(end->err);
}

/* Behind the string whose quote is at @at; NULL when it has no end. */
static const char *
string_end(const char *at)
{
    for (at++; *at && *at != '"'; at++) {
        if (*at == '\\' && at[1])
            at++;
    }
    return *at ? at + 1 : NULL;
}

#define SIGNAL_MAX 127 /* a status of 8 bits */

static const char *
skip_blanks(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

static void
take_text(char **to, const char *value)
{
    gsize length = *value == '"' ? strspn(value + 1, BASE64) : 0;

    g_free(*to);
    *to = g_strndup(value + 1, MIN(length, OUTPUT_MAX));
}

static void
take_member(ImExecEnd *end, const char *name, gsize length, const char *value)
{
    g_autofree char *key = g_strndup(name, length);

    if (g_str_equal(key, "exited"))
        end->exited = g_str_has_prefix(value, "true");
    else if (g_str_equal(key, "pid"))
        end->pid = g_ascii_strtoll(value, NULL, 10);
    else if (g_str_equal(key, "exitcode"))
        end->code = g_ascii_strtoll(value, NULL, 10);
    else if (g_str_equal(key, "signal"))
        end->code = 128 + CLAMP(g_ascii_strtoll(value, NULL, 10), 0, SIGNAL_MAX);
    else if (g_str_equal(key, "out-data"))
        take_text(&end->out, value);
    else if (g_str_equal(key, "err-data"))
        take_text(&end->err, value);
}

gboolean
im_parse_exec(const char *answer, ImExecEnd *end)
{
    const char *at = answer;
    gboolean any = FALSE;
    int depth = 0;

    while (at && *at) {
        const char *next = at + 1;

        if (*at == '{' || *at == '[')
            depth++;
        else if (*at == '}' || *at == ']')
            depth--;
        else if (*at == '"')
            next = string_end(at);
        /* Members of {"return": {…}}: a string with a colon behind it. */
        if (*at == '"' && next && depth == 2 && *skip_blanks(next) == ':') {
            const char *value = skip_blanks(skip_blanks(next) + 1);

            take_member(end, at + 1, (gsize)(next - at - 2), value);
            any = TRUE;
            next = *value == '"' ? string_end(value) : value;
        }
        at = next;
    }
    return at && any && depth == 0;
}
