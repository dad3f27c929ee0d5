/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the template grammar.  One wrong character in a message and the front-end
 * drops all of it, so values are written by nobody but these functions.
 */
#include <string.h>

#include "im/base/im.h"

void
im_quote(GString *out, const char *value)
{
    g_autofree char *clean = g_utf8_make_valid(value, -1);
    const char *at;

    g_string_append_c(out, '"');
    for (at = clean; *at; at++) {
        if (*at == '"')
            g_string_append(out, "\\\"");
        else if ((guchar)*at < ' ' || *at == 127)
            g_string_append_c(out, ' ');
        else
            g_string_append_c(out, *at);
        /* "]]>" would end what the front-end puts it into. */
        if (at[0] == ']' && at[1] == ']' && at[2] == '>')
            g_string_append_c(out, ' ');
    }
    if (at > clean && at[-1] == '\\') /* it would escape the closing quote */
        g_string_append_c(out, ' ');
    g_string_append_c(out, '"');
}

void
im_add(GString *out, const char *key, const char *value)
{
    g_string_append_printf(out, "%s=", key);
    im_quote(out, value);
    g_string_append_c(out, '\n');
}

void
im_addf(GString *out, const char *key, const char *format, ...)
{
    g_autofree char *value = NULL;
    va_list args;

    va_start(args, format);
    value = g_strdup_vprintf(format, args);
    va_end(args);
    im_add(out, key, value);
}

void
im_add_number(GString *out, const char *key, guint64 value)
{
    g_string_append_printf(out, "%s=%" G_GUINT64_FORMAT "\n", key, value);
}

void
im_add_decimal(GString *out, const char *key, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    im_add(out, key, g_ascii_formatd(text, sizeof text, "%.2f", value));
}

void
im_add_vm(GString *out, gint64 id, const char *deploy_id, const char *text)
{
    g_autofree char *coded = g_base64_encode((const guchar *)text, strlen(text));

    g_string_append_printf(out, "VM = [ ID=\"%" G_GINT64_FORMAT "\", ", id);
    if (deploy_id) {
        g_string_append(out, "DEPLOY_ID=");
        im_quote(out, deploy_id);
        g_string_append(out, ", ");
    }
    g_string_append_printf(out, "MONITOR=\"%s\" ]\n", coded);
}

gint64
im_vm_id(const char *name)
{
    guint64 id;

    if (!g_str_has_prefix(name, "one-") ||
        !g_ascii_string_to_unsigned(name + strlen("one-"), 10, 0, G_MAXINT32, &id, NULL))
        return -1;
    return (gint64)id;
}
