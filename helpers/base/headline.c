/* SPDX-License-Identifier: Apache-2.0 */
/* Errors are built from the inside out, "WHAT: WHERE: … WHY": the reason comes last, and
 * readers see the beginning.
 */
#include "base/headline.h"

#include <string.h>

/* A quoted absolute path; what is kept of it is its last name, or "disk.0.snap/1". */
#define PATH_PATTERN "'(?<long>/(?:[^/']*/)*?(?<name>(?:[^/']+\\.snap/)?[^/']+))/?'"
#define UUID_PATTERN                                                                     \
    "domain '(?<long>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})'"

#define LONGEST 4096 /* bytes; patterns take time */
#define LATEST 65    /* where a long reason has to begin */

static void
add_detail(GString *details, const char *text)
{
    if (*text == '\0' || strstr(details->str, text))
        return;
    g_string_append_printf(details, "%s%s", details->len ? "; " : "", text);
}

/* GRegexEvalCallback: the short form goes to @result, the long one to @details. */
static gboolean
shorten_match(const GMatchInfo *match, GString *result, gpointer details)
{
    g_autofree char *name = g_match_info_fetch_named(match, "name");
    g_autofree char *full = g_match_info_fetch_named(match, "long");

    if (name && *name)
        g_string_append_printf(result, "'%s'", name);
    else
        g_string_append(result, "the domain");
    add_detail(details, full);
    return FALSE;
}

static char *
shorten_names(const char *text, GString *details)
{
    g_autoptr(GRegex) regex =
        g_regex_new(UUID_PATTERN "|" PATH_PATTERN, G_REGEX_DUPNAMES, 0, NULL);
    char *shorter =
        g_regex_replace_eval(regex, text, -1, 0, 0, shorten_match, details, NULL);

    return shorter ? shorter : g_strdup(text);
}

/* The next ": " outside quotes and parentheses, or NULL.  A quote begins behind a space;
 * what is within a word is an apostrophe.
 */
static const char *
find_colon(const char *text)
{
    gboolean quoted = FALSE;
    guint depth = 0;

    for (const char *at = text; *at; at++) {
        if (*at == '\'' && (quoted || at == text || at[-1] == ' '))
            quoted = !quoted;
        else if (*at == '(')
            depth++;
        else if (*at == ')' && depth > 0)
            depth--;
        else if (!quoted && depth == 0 && g_str_has_prefix(at, ": "))
            return at;
    }
    return NULL;
}

static GPtrArray *
split_parts(const char *sentence)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);
    const char *colon;

    for (; (colon = find_colon(sentence)); sentence = colon + 2)
        g_ptr_array_add(parts, g_strndup(sentence, colon - sentence));
    g_ptr_array_add(parts, g_strdup(sentence));
    return g_steal_pointer(&parts);
}

static char *
join_parts(const GPtrArray *parts)
{
    GString *text = g_string_new(g_ptr_array_index(parts, 0));

    for (guint i = 1; i < parts->len; i++)
        g_string_append_printf(text, ": %s", (char *)g_ptr_array_index(parts, i));
    return g_string_free(text, FALSE);
}

/* "(…)" at the end of a reason is a detail already. */
static void
move_parentheses(GPtrArray *parts, GString *details)
{
    char *why = g_ptr_array_index(parts, parts->len - 1);
    gsize size = strlen(why);
    char *open = g_strrstr(why, " (");

    if (open == NULL || open == why || why[size - 1] != ')')
        return;
    why[size - 1] = '\0';
    add_detail(details, open + 2);
    *open = '\0';
}

/* Which part can be spared first, between the first, what failed, and the last, why: the
 * outermost attempt, since the innermost names what is in the way; then the longest; the
 * second part last: a host, or what became of a VM.
 */
static guint
find_sparable(const GPtrArray *parts)
{
    guint longest = parts->len > 3 ? 2 : 1;

    for (guint i = 1; i + 1 < parts->len; i++) {
        if (g_str_has_prefix(g_ptr_array_index(parts, i), "cannot "))
            return i;
    }
    for (guint i = longest + 1; i + 1 < parts->len; i++) {
        if (strlen(g_ptr_array_index(parts, i)) >
            strlen(g_ptr_array_index(parts, longest)))
            longest = i;
    }
    return longest;
}

static gboolean
move_part(GPtrArray *parts, GString *details)
{
    guint i;

    if (parts->len < 3)
        return FALSE;
    i = find_sparable(parts);
    add_detail(details, g_ptr_array_index(parts, i));
    g_ptr_array_remove_index(parts, i);
    return TRUE;
}

/* The text as users see it; names in full go to @details. */
static char *
shorten_parts(const GPtrArray *parts, GString *details)
{
    g_autofree char *joined = join_parts(parts);

    return shorten_names(joined, details);
}

/* All of it is seen, or the reason begins early enough to be understood. */
static gboolean
fits(const GPtrArray *parts)
{
    g_autoptr(GString) unused = g_string_new(NULL);
    g_autofree char *text = shorten_parts(parts, unused);
    g_autofree char *why =
        shorten_names(g_ptr_array_index(parts, parts->len - 1), unused);
    glong size = g_utf8_strlen(text, -1);

    return size <= DRV_HEADLINE || size - g_utf8_strlen(why, -1) <= LATEST;
}

char *
drv_headline(const char *sentence)
{
    g_autoptr(GPtrArray) parts = NULL;
    g_autoptr(GString) details = NULL;
    g_autofree char *text = NULL;

    if (!g_utf8_validate(sentence, -1, NULL) || strlen(sentence) > LONGEST ||
        g_utf8_strlen(sentence, -1) <= DRV_HEADLINE)
        return g_strdup(sentence);
    parts = split_parts(sentence);
    details = g_string_new(NULL);
    move_parentheses(parts, details);
    while (!fits(parts) && move_part(parts, details))
        ;
    text = shorten_parts(parts, details);
    if (details->len == 0)
        return g_steal_pointer(&text);
    return g_strdup_printf("%s (%s)", text, details->str);
}
