/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "vmm/kvm/exec/exec.h"

static void
append_json(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    for (const char *at = text; *at; at++) {
        if (*at == '"' || *at == '\\')
            g_string_append_printf(out, "\\%c", *at);
        else if ((guchar)*at < 0x20)
            g_string_append_printf(out, "\\u%04x", (guint)(guchar)*at);
        else
            g_string_append_c(out, *at);
    }
    g_string_append_c(out, '"');
}

char *
kvm_exec_json(char **words, const char *input)
{
    GString *out = g_string_new("{\"execute\":\"guest-exec\",\"arguments\":{\"path\":");

    append_json(out, words[0]);
    g_string_append(out, ",\"arg\":[");
    for (guint i = 1; words[i]; i++) {
        if (i > 1)
            g_string_append_c(out, ',');
        append_json(out, words[i]);
    }
    g_string_append(out, "],\"capture-output\":true");
    if (*input) {
        g_string_append(out, ",\"input-data\":");
        append_json(out, input);
    }
    g_string_append(out, "}}");
    return g_string_free(out, FALSE);
}

guint64
kvm_exec_pid(const char *answer)
{
    const char *at = strstr(answer, "\"pid\"");
    guint64 pid = 0;
    g_autofree char *digits = NULL;

    if (at == NULL)
        return 0;
    at += strcspn(at, "0123456789");
    digits = g_strndup(at, strspn(at, "0123456789"));
    return g_ascii_string_to_unsigned(digits, 10, 1, G_MAXINT64, &pid, NULL) ? pid : 0;
}
