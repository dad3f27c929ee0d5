/* SPDX-License-Identifier: Apache-2.0 */
#include "base/config.h"

#include <string.h>

#include "base/action.h"
#include "base/error.h"
#include "base/log.h"

struct DrvConfig {
    char *name;
    GHashTable *values; /* char * → char * */
};

/* Where the parser stands. */
typedef struct {
    DrvConfig *config;
    const char *at;
    guint line;
} Reader;

void
drv_config_free(DrvConfig *config)
{
    if (config == NULL)
        return;
    g_free(config->name);
    g_hash_table_unref(config->values);
    g_free(config);
}

static gboolean
is_name_char(char c, gboolean first)
{
    return c == '_' || g_ascii_isalpha(c) || (!first && g_ascii_isdigit(c));
}

static char *
read_name(Reader *reader)
{
    const char *start = reader->at;

    while (is_name_char(*reader->at, reader->at == start))
        reader->at++;
    return g_strndup(start, (gsize)(reader->at - start));
}

static gboolean
throw_at(const Reader *reader, const char *why, GError **error)
{
    return drv_throw(
        error, DRV_ERROR_CONFIG, "%s:%u: %s", reader->config->name, reader->line, why);
}

static const char *
lookup(const DrvConfig *config, const char *name)
{
    const char *value = g_hash_table_lookup(config->values, name);

    return value ? value : g_getenv(name);
}

/* "${NAME:-default}", "${NAME}" or "$NAME", standing behind the '$'. */
static gboolean
read_variable(Reader *reader, GString *out, GError **error)
{
    gboolean braces = *reader->at == '{';
    g_autofree char *name = NULL;
    const char *value;

    if (*reader->at == '(')
        return throw_at(reader, "command substitution is not supported", error);
    if (braces)
        reader->at++;
    name = read_name(reader);
    if (*name == '\0') {
        g_string_append_c(out, '$');
        return !braces || throw_at(reader, "bad ${…}", error);
    }
    value = lookup(reader->config, name);
    if (braces) {
        const char *end = strchr(reader->at, '}');
        gboolean has_default = g_str_has_prefix(reader->at, ":-");

        if (end == NULL || (!has_default && *reader->at != '}'))
            return throw_at(
                reader, "only ${NAME} and ${NAME:-default} are supported", error);
        if (has_default && (value == NULL || *value == '\0'))
            g_string_append_len(out, reader->at + 2, end - reader->at - 2);
        reader->at = end + 1;
    }
    g_string_append(out, value ? value : "");
    return TRUE;
}

/* A backslash at the end of a line takes the line's end away. */
static gboolean
skip_continuation(Reader *reader)
{
    if (!g_str_has_prefix(reader->at, "\\\n"))
        return FALSE;
    reader->at += 2;
    reader->line++;
    return TRUE;
}

static gboolean
read_quoted(Reader *reader, GString *out, GError **error)
{
    char quote = *reader->at++;

    while (*reader->at && *reader->at != quote) {
        if (*reader->at == '\n')
            reader->line++;
        if (quote == '"' && *reader->at == '`')
            return throw_at(reader, "command substitution is not supported", error);
        if (quote == '"' && *reader->at == '$') {
            reader->at++;
            if (!read_variable(reader, out, error))
                return FALSE;
            continue;
        }
        if (quote == '"' && skip_continuation(reader))
            continue;
        if (quote == '"' && *reader->at == '\\' && reader->at[1] &&
            strchr("\"\\$`", reader->at[1]))
            reader->at++;
        g_string_append_c(out, *reader->at++);
    }
    if (*reader->at == '\0')
        return throw_at(reader, "a quote is not closed", error);
    reader->at++;
    return TRUE;
}

static gboolean
read_value(Reader *reader, GString *out, GError **error)
{
    while (*reader->at && !strchr(" \t\r\n;", *reader->at)) {
        switch (*reader->at) {
        case '\'':
        case '"':
            if (!read_quoted(reader, out, error))
                return FALSE;
            break;
        case '`':
            return throw_at(reader, "command substitution is not supported", error);
        case '$':
            reader->at++;
            if (!read_variable(reader, out, error))
                return FALSE;
            break;
        case '\\':
            if (skip_continuation(reader))
                break;
            if (reader->at[1])
                reader->at++;
            /* fall through */
        default:
            g_string_append_c(out, *reader->at++);
        }
    }
    return TRUE;
}

static void
skip_line(Reader *reader)
{
    reader->at += strcspn(reader->at, "\n");
    if (*reader->at == '\n') {
        reader->at++;
        reader->line++;
    }
}

static gboolean
read_line(Reader *reader, GError **error)
{
    g_autoptr(GString) value = g_string_new(NULL);
    g_autofree char *name = NULL;

    reader->at += strspn(reader->at, " \t\r");
    if (g_str_has_prefix(reader->at, "export") && reader->at[6] &&
        strchr(" \t", reader->at[6]))
        reader->at += 6 + strspn(reader->at + 6, " \t");
    name = read_name(reader);
    if (*name && *reader->at == '=') {
        reader->at++;
        if (!read_value(reader, value, error))
            return FALSE;
        g_hash_table_replace(
            reader->config->values, g_steal_pointer(&name), g_strdup(value->str));
    } else if (*reader->at && !strchr("#\n", *reader->at)) {
        drv_debug(
            "%s:%u: not an assignment, skipped", reader->config->name, reader->line);
    }
    skip_line(reader);
    return TRUE;
}

DrvConfig *
drv_config_parse(const char *name, const char *text, GError **error)
{
    g_autoptr(DrvConfig) config = g_new0(DrvConfig, 1);
    Reader reader = { config, text, 1 };

    config->name = g_strdup(name);
    config->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    while (*reader.at) {
        if (!read_line(&reader, error))
            return NULL;
    }
    return g_steal_pointer(&config);
}

DrvConfig *
drv_config_load(const char *path, GError **error)
{
    g_autofree char *file = g_build_filename(drv_action_remotes_dir(), "etc", path, NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) why = NULL;

    if (!g_file_get_contents(file, &text, NULL, &why)) {
        if (!g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
            (void)drv_throw(error, DRV_ERROR_CONFIG, "%s", why->message);
            return NULL;
        }
        text = g_strdup("");
    }
    return drv_config_parse(file, text, error);
}

const char *
drv_config_get(const DrvConfig *config, const char *name, const char *fallback)
{
    const char *value = g_hash_table_lookup(config->values, name);

    return value && *value ? value : fallback;
}

gboolean
drv_config_get_uint(const DrvConfig *config,
                    const char *name,
                    guint64 fallback,
                    guint64 *value,
                    GError **error)
{
    const char *text = drv_config_get(config, name, NULL);

    *value = fallback;
    if (text && !g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, value, NULL))
        return drv_throw(error,
                         DRV_ERROR_CONFIG,
                         "%s: %s is not a number: '%s'",
                         config->name,
                         name,
                         text);
    return TRUE;
}

gboolean
drv_config_get_bool(const DrvConfig *config,
                    const char *name,
                    gboolean fallback,
                    gboolean *value,
                    GError **error)
{
    const char *text = drv_config_get(config, name, NULL);

    *value = fallback;
    if (text == NULL)
        return TRUE;
    *value =
        g_ascii_strcasecmp(text, "yes") == 0 || g_ascii_strcasecmp(text, "true") == 0;
    if (!*value && g_ascii_strcasecmp(text, "no") != 0 &&
        g_ascii_strcasecmp(text, "false") != 0)
        return drv_throw(error,
                         DRV_ERROR_CONFIG,
                         "%s: %s is neither yes nor no: '%s'",
                         config->name,
                         name,
                         text);
    return TRUE;
}

gboolean
drv_config_has_agent(void)
{
    const char *path = g_getenv("SSH_AUTH_SOCK");

    return path && *path;
}
