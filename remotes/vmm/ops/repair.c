/* SPDX-License-Identifier: Apache-2.0 */
/* Front-ends write some values into a domain as they are: the VM's name as its title, all
 * attributes, loader and serial.  What is right stays as it is; what no XML can be is
 * text (XML 1.0, 2.2, 2.4, 4.1 and 4.6; a domain has no DTD, so no other entities).
 */
#include "vmm/ops/repair.h"

#include <string.h>

#include <glib.h>

#define CDATA "<![CDATA["
#define TITLE "<title>"
#define TITLE_END "</title>"
#define MAX_CODE_POINT 0x10ffff

static gboolean
is_character(guint64 code)
{
    return code == '\t' || code == '\n' || code == '\r' ||
           (code >= 0x20 && code < 0xd800) || (code >= 0xe000 && code < 0xfffe) ||
           (code >= 0x10000 && code <= MAX_CODE_POINT);
}

/* "&#38;", "&#x26;": of a character that a document may hold. */
static gboolean
is_numbered(const char *at)
{
    gboolean hex = at[2] == 'x';
    const char *digits = at + (hex ? 3 : 2);
    gsize n = strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789");

    return n > 0 && digits[n] == ';' &&
           is_character(g_ascii_strtoull(digits, NULL, hex ? 16 : 10));
}

/* TRUE when @at, an ampersand, begins a reference. */
static gboolean
begins_reference(const char *at)
{
    static const char *const entities[] = { "&lt;", "&gt;", "&amp;", "&quot;", "&apos;" };

    for (guint i = 0; i < G_N_ELEMENTS(entities); i++) {
        if (g_str_has_prefix(at, entities[i]))
            return TRUE;
    }
    return at[1] == '#' && is_numbered(at);
}

static void
append_text(GString *out, const char *at)
{
    if (*at == '&' && !begins_reference(at))
        g_string_append(out, "&amp;");
    else if (*at == '<')
        g_string_append(out, "&lt;");
    else if (*at == '>' && g_str_has_suffix(out->str, "]]"))
        g_string_append(out, "&gt;");
    else
        g_string_append_c(out, is_character((guchar)*at) ? *at : '?');
}

/* How much at @at stays as it is, whatever it says; 0: nothing. */
static gsize
verbatim_size(const char *at)
{
    static const char *const pairs[][2] = { { CDATA, "]]>" }, { "<!--", "-->" } };

    for (guint i = 0; i < G_N_ELEMENTS(pairs); i++) {
        const char *end =
            g_str_has_prefix(at, pairs[i][0]) ? strstr(at, pairs[i][1]) : NULL;

        if (end)
            return (gsize)(end - at) + 3;
    }
    return 0;
}

/* The size of a raw title that begins at @at.  A name may hold an end tag, too: the last
 * one of its line is the front-end's.
 */
static gsize
title_size(const char *at)
{
    const char *line = at + strcspn(at, "\n");
    const char *end = g_strrstr_len(at, line - at, TITLE_END);

    if (end == NULL)
        end = strstr(at, TITLE_END);
    return end == NULL || g_str_has_prefix(at, CDATA) ? 0 : (gsize)(end - at);
}

static gboolean
begins_tag(const char *at)
{
    return *at == '<' && (g_ascii_isalpha(at[1]) || (at[1] && strchr("/!?_:", at[1])) ||
                          (guchar)at[1] >= 0x80);
}

/* A quote ends a value only before what may follow one. */
static gboolean
ends_value(const char *at, char quote)
{
    return *at == quote && (at[1] == '\0' || strchr(" \t\r\n/>?", at[1]));
}

/* One character inside a tag; *quote: of the value that it is in, 0 for none.  FALSE when
 * the tag ends with it.
 */
static gboolean
append_in_tag(GString *out, const char *at, char *quote)
{
    gboolean ends = *quote && ends_value(at, *quote);

    if (*quote && !ends && *at == *quote)
        g_string_append(out, *quote == '"' ? "&quot;" : "&apos;");
    else if (*quote && !ends && *at != '>')
        append_text(out, at);
    else
        g_string_append_c(out, *at);
    if (ends)
        *quote = '\0';
    else if (*quote == '\0' && (*at == '"' || *at == '\''))
        *quote = *at;
    return *quote || *at != '>';
}

/* From @at, outside of tags: what is taken in one piece.  Returns its size, or 0. */
static gsize
append_piece(GString *out, const char *at)
{
    gsize size = verbatim_size(at);

    if (size > 0) {
        g_string_append_len(out, at, (gssize)size);
    } else if (g_str_has_prefix(at, TITLE)) {
        const char *text = at + strlen(TITLE);

        size = strlen(TITLE) + title_size(text);
        g_string_append(out, TITLE);
        for (; text < at + size; text++)
            append_text(out, text);
    }
    return size;
}

char *
vmm_repair_domain(const char *xml)
{
    GString *out = g_string_new(NULL);
    gboolean in_tag = FALSE;
    char quote = '\0';

    while (*xml) {
        gsize size = in_tag ? 0 : append_piece(out, xml);

        if (size > 0) {
            xml += size;
            continue;
        }
        if (in_tag) {
            in_tag = append_in_tag(out, xml, &quote);
        } else {
            in_tag = begins_tag(xml);
            if (in_tag)
                g_string_append_c(out, *xml);
            else
                append_text(out, xml);
        }
        xml++;
    }
    return g_string_free(out, FALSE);
}
