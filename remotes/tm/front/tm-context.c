/* SPDX-License-Identifier: Apache-2.0 */
#include "tm/front/tm-context.h"

#include <string.h>

#include "base/config.h"
#include "base/error.h"
#include "base/fd.h"
#include "request/request.h"
#include "source/copy.h"
#include "source/fetch.h"

#define DEFAULT_LIMIT_MB 1024
#define MIB ((guint64)1024 * 1024)

/* The front-end may pass the quotes of 'NAME' on or have had them removed. */
static char *
strip_quotes(const char *text)
{
    gsize size = strlen(text);

    if (size >= 2 && text[0] == '\'' && text[size - 1] == '\'')
        return g_strndup(text + 1, size - 2);
    return g_strdup(text);
}

static gboolean
is_open(const char *word)
{
    const char *quote = strstr(word, ":'");

    return quote && (quote[2] == '\0' || !g_str_has_suffix(quote + 2, "'"));
}

char **
tm_context_words(int n, char **words)
{
    GPtrArray *whole = g_ptr_array_new();

    for (int i = 0; i < n; i++) {
        g_autoptr(GString) word = g_string_new(words[i]);
        int end = i;

        while (is_open(word->str) && end + 1 < n)
            g_string_append_printf(word, " %s", words[++end]);
        if (is_open(word->str))
            g_string_assign(word, words[i]); /* it is not a quote */
        else
            i = end;
        g_ptr_array_add(whole, g_strdup(word->str));
    }
    g_ptr_array_add(whole, NULL);
    return (char **)g_ptr_array_free(whole, FALSE);
}

/* A name in the root of the image: one component. */
static gboolean
check_name(const char *name, GError **error)
{
    if (*name == '\0' || strchr(name, '/') || g_str_equal(name, ".") ||
        g_str_equal(name, ".."))
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "'%s' is not a valid name for a context file",
                         name);
    return TRUE;
}

/* The content of @url, in a file without a name. */
static int
fetch(const char *url, GError **error)
{
    DrvFetchRequest request = DRV_FETCH_REQUEST_INIT;
    g_autoptr(DrvConfig) config = drv_config_load("one-native.conf", error);
    g_autoptr(DrvSource) source = NULL;
    g_auto(DrvFd) fd = -1;
    guint64 limit_mb;

    if (config == NULL ||
        !drv_config_get_uint(
            config, "CONTEXT_LIMIT_MB", DEFAULT_LIMIT_MB, &limit_mb, error) ||
        !drv_config_get_uint(config, "FETCH_MIN_RATE", 4096, &request.min_rate, error))
        return -1;
    request.url = url;
    request.min_rate = CLAMP(request.min_rate, 1, G_MAXUINT32);
    source = drv_fetch_open(&request, error);
    if (source)
        source = drv_source_new_limited(g_steal_pointer(&source),
                                        MIN(limit_mb, G_MAXUINT32) * MIB,
                                        "CONTEXT_LIMIT_MB");
    fd = source ? drv_fd_new_nameless(error) : -1;
    if (fd < 0 || !drv_copy_source(source, fd, TRUE, NULL, error))
        return -1;
    return drv_fd_steal(&fd);
}

static gboolean
add_url(DrvIso *iso, const char *url, GError **error)
{
    g_autofree char *plain = drv_fetch_display_name(url);
    g_autofree char *name = g_path_get_basename(plain);
    g_auto(DrvFd) fd = check_name(name, error) ? fetch(url, error) : -1;
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);

    return fd >= 0 && drv_iso_add(iso, path, name, error);
}

gboolean
tm_context_add(DrvIso *iso, const char *word, GError **error)
{
    const char *colon = strchr(word, ':');
    g_autofree char *path = NULL;
    g_autofree char *name = NULL;

    if (drv_fetch_scheme(word) == DRV_FETCH_HTTP)
        return add_url(iso, word, error);
    path = colon ? g_strndup(word, (gsize)(colon - word)) : g_strdup(word);
    name = colon ? strip_quotes(colon + 1) : g_path_get_basename(path);
    return drv_request_check_path("context file", path, error) &&
           check_name(name, error) && drv_iso_add(iso, path, name, error);
}
