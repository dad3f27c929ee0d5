/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "vmm/vmm.h"

#define CDATA "<![CDATA["

/* TRUE when @at, an ampersand, begins a reference: "&lt;", "&#38;", "&#x26;". */
static gboolean
begins_reference(const char *at)
{
    gsize n;

    at++;
    if (*at == '#')
        at++;
    n = strspn(at, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    return n > 0 && at[n] == ';';
}

static void
append_mended(GString *out, const char *text, gsize size, gboolean is_title)
{
    for (gsize i = 0; i < size; i++) {
        if (text[i] == '&' && !begins_reference(text + i))
            g_string_append(out, "&amp;");
        else if (text[i] == '<' && is_title)
            g_string_append(out, "&lt;");
        else
            g_string_append_c(out, text[i]);
    }
}

/* Where the next piece that must stay as it is begins, and how long it is. */
static const char *
find_cdata(const char *text, gsize *size)
{
    const char *begin = strstr(text, CDATA);
    const char *end = begin ? strstr(begin, "]]>") : NULL;

    if (end == NULL)
        return NULL;
    *size = (gsize)(end - begin) + 3;
    return begin;
}

static void
append_outside_title(GString *out, const char *text)
{
    const char *cdata;
    gsize size;

    while ((cdata = find_cdata(text, &size))) {
        append_mended(out, text, (gsize)(cdata - text), FALSE);
        g_string_append_len(out, cdata, (gssize)size);
        text = cdata + size;
    }
    append_mended(out, text, strlen(text), FALSE);
}

char *
vmm_repair_domain(const char *xml)
{
    GString *out = g_string_new(NULL);
    const char *title = strstr(xml, "<title>");
    const char *end = title ? strstr(title, "</title>") : NULL;
    g_autofree char *before = NULL;

    if (end == NULL || strncmp(title + 7, CDATA, strlen(CDATA)) == 0) {
        append_outside_title(out, xml);
        return g_string_free(out, FALSE);
    }
    title += strlen("<title>");
    before = g_strndup(xml, (gsize)(title - xml));
    append_outside_title(out, before);
    append_mended(out, title, (gsize)(end - title), TRUE);
    append_outside_title(out, end);
    return g_string_free(out, FALSE);
}
