/* SPDX-License-Identifier: Apache-2.0 */
#include "request/core.h"

#include <string.h>

#include "base/cancel.h"
#include "base/config.h"
#include "base/error.h"
#include "base/load-curl.h"
#include "base/log.h"
#include "base/status.h"
#include "cmd/cmd.h"
#include "request/http-plain.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CURL, curl_easy_cleanup)
typedef struct curl_slist CurlList;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CurlList, curl_slist_free_all)

#define DEFAULT_ENDPOINT "http://localhost:2633/RPC2"
#define DEFAULT_TIMEOUT_S 30

static const struct {
    const char *method;
    const char *tool;
    gboolean pool;
} objects[] = {
    [DRV_CORE_VM] = { "one.vm.info", "onevm", FALSE },
    [DRV_CORE_DATASTORE] = { "one.datastore.info", "onedatastore", FALSE },
    [DRV_CORE_HOST] = { "one.host.info", "onehost", FALSE },
    [DRV_CORE_HOST_POOL] = { "one.hostpool.info", "onehost", TRUE },
    [DRV_CORE_DATASTORE_POOL] = { "one.datastorepool.info", "onedatastore", TRUE },
};

/* --- where and as whom ----------------------------------------------------------- */

static char *
read_setting(const char *variable, const char *file_variable, const char *file)
{
    const char *value = variable ? g_getenv(variable) : NULL;
    const char *named = file_variable ? g_getenv(file_variable) : NULL;
    g_autofree char *home = g_build_filename(g_get_home_dir(), ".one", file, NULL);
    char *text = NULL;

    if (value && *value)
        return g_strdup(value);
    if (!g_file_get_contents(named && *named ? named : home, &text, NULL, NULL))
        return NULL;
    return g_strstrip(text);
}

static char *
endpoint(void)
{
    char *found = read_setting("ONE_XMLRPC", NULL, "one_endpoint");

    return found ? found : g_strdup(DEFAULT_ENDPOINT);
}

/* --- the answer -------------------------------------------------------------------- */

#define ANSWER "/methodResponse/params/param/value/array/data/value"

/* XML that oned wrote: what is wrong with it is oned's. */
static DrvDump *
parse(const char *xml, gsize size, GError **error)
{
    g_autoptr(GError) why = NULL;
    DrvDump *dump = drv_dump_parse(xml, size, &why);

    if (dump == NULL)
        (void)drv_throw(
            error, DRV_ERROR_CORE, "invalid answer from oned, %s", why->message);
    return dump;
}

/* What oned answered with yes: an object's XML, or a number.  NULL; caller frees. */
static char *
accepted(const char *answer, gsize size, GError **error)
{
    g_autoptr(DrvDump) envelope = parse(answer, size, error);
    g_autofree char *ok = NULL;
    g_autofree char *text = NULL;
    g_autofree char *fault = NULL;
    g_autofree char *code = NULL;
    gboolean missing;

    if (envelope == NULL || !drv_dump_value(envelope, ANSWER "[1]/boolean", &ok, error) ||
        !drv_dump_value(envelope, ANSWER "[2]/string|" ANSWER "[2]", &text, error) ||
        !drv_dump_value(envelope, ANSWER "[3]", &code, error) ||
        !drv_dump_value(envelope,
                        "/methodResponse/fault//member[name='faultString']/value",
                        &fault,
                        error))
        return NULL;
    if (fault || ok == NULL || text == NULL) {
        (void)drv_throw(
            error, DRV_ERROR_CORE, "oned: %s", fault ? fault : "unexpected response");
        return NULL;
    }
    if (strcmp(ok, "1") == 0)
        return g_steal_pointer(&text);
    missing = g_strcmp0(code, "1024") == 0; /* NO_EXISTS */
    (void)drv_throw(
        error, missing ? DRV_ERROR_NOT_FOUND : DRV_ERROR_CORE, "oned: %s", text);
    return NULL;
}

DrvDump *
drv_core_parse_answer(const char *answer, gsize size, GError **error)
{
    g_autofree char *text = accepted(answer, size, error);

    return text ? parse(text, strlen(text), error) : NULL;
}

/* --- the question ------------------------------------------------------------------- */

static char *
number_param(gint64 number)
{
    return g_strdup_printf("<param><value><i4>%" G_GINT64_FORMAT "</i4></value></param>",
                           number);
}

/* @what: the parameters behind the session. */
static char *
build_call(const char *method, const char *session, const char *what)
{
    g_autofree char *who = g_markup_escape_text(session, -1);

    return g_strdup_printf(
        "<?xml version=\"1.0\"?><methodCall><methodName>%s</methodName>"
        "<params><param><value><string>%s</string></value></param>%s"
        "</params></methodCall>",
        method,
        who,
        what);
}

static size_t
collect(char *data, size_t size, size_t n, void *to)
{
    GString *answer = to;

    if (answer->len + size * n > DRV_DUMP_MAX)
        return 0;
    g_string_append_len(answer, data, (gssize)(size * n));
    return size * n;
}

static int
stop_when_cancelled(void *data, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)data, (void)a, (void)b, (void)c, (void)d;
    return drv_cancel_pending();
}

static gboolean
core_timeout(guint64 *seconds, GError **error)
{
    g_autoptr(DrvConfig) config = drv_config_load("one-native.conf", error);

    return config &&
           drv_config_get_uint(config, "CORE_TIMEOUT", DEFAULT_TIMEOUT_S, seconds, error);
}

static gboolean
throw_curl(CURL *curl, CURLcode result, const char *url, GError **error)
{
    long status = 0;

    if (result == CURLE_ABORTED_BY_CALLBACK)
        return drv_throw(error, DRV_ERROR_CANCELLED, "cancelled");
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (result == CURLE_HTTP_RETURNED_ERROR || result == CURLE_OK)
        return drv_throw(
            error, DRV_ERROR_CORE, "oned answered HTTP %ld (%s)", status, url);
    if (result == CURLE_WRITE_ERROR)
        return drv_throw(
            error, DRV_ERROR_CORE, "cannot ask oned: response too long (%s)", url);
    return drv_throw(error,
                     result == CURLE_COULDNT_CONNECT ? DRV_ERROR_NO_HOST : DRV_ERROR_CORE,
                     "cannot ask oned: %s (%s)",
                     curl_easy_strerror(result),
                     url);
}

static gboolean
post_by_curl(
    const char *url, const char *call, guint timeout_s, GString *answer, GError **error)
{
    g_autoptr(CURL) curl = NULL;
    g_autoptr(CurlList) headers = NULL;
    CURLcode result;
    long status = 0;

    if (!drv_load_curl(error))
        return FALSE;
    curl = curl_easy_init();
    headers = curl_slist_append(NULL, "Content-Type: text/xml");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "one-native");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)timeout_s);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, stop_when_cancelled);
    result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return (result == CURLE_OK && status == 200) || throw_curl(curl, result, url, error);
}

static gboolean
post(const char *call, guint64 seconds, GString *answer, GError **error)
{
    g_autofree char *url = endpoint();
    guint timeout_s = (guint)MIN(seconds, G_MAXINT / 1000);

    return drv_http_plain_can(url)
               ? drv_http_plain_post(url, call, timeout_s, answer, error)
               : post_by_curl(url, call, timeout_s, answer, error);
}

static DrvDump *
ask_xmlrpc(DrvCoreObject object, gint64 id, const char *session, GError **error)
{
    g_autoptr(GString) answer = g_string_new(NULL);
    g_autofree char *what = objects[object].pool ? g_strdup("") : number_param(id);
    g_autofree char *call = build_call(objects[object].method, session, what);
    guint64 timeout_s;

    if (!core_timeout(&timeout_s, error) || !post(call, timeout_s, answer, error))
        return NULL;
    return drv_core_parse_answer(answer->str, answer->len, error);
}

static DrvDump *
ask_tool(DrvCoreObject object, gint64 id, GError **error)
{
    g_autoptr(DrvCmd) cmd = drv_cmd_new(
        objects[object].tool, objects[object].pool ? "list" : "show", "-x", NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    guint64 timeout_s;

    if (!core_timeout(&timeout_s, error))
        return NULL;
    if (!objects[object].pool)
        drv_cmd_argf(cmd, "%" G_GINT64_FORMAT, id);
    drv_cmd_keep_env(cmd, "ONE_XMLRPC");
    drv_cmd_keep_env(cmd, "ONE_AUTH");
    drv_cmd_keep_env(cmd, "ONE_LOCATION");
    drv_cmd_timeout(cmd, (guint)timeout_s * 1000);
    if (!drv_cmd_capture(cmd, out, DRV_DUMP_MAX, error))
        return NULL;
    return parse(out->str, out->len, error);
}

DrvDump *
drv_core_info(DrvCoreObject object, gint64 id, GError **error)
{
    g_autofree char *session = read_setting(NULL, "ONE_AUTH", "one_auth");
    g_autofree char *tool = g_find_program_in_path(objects[object].tool);
    g_autoptr(GError) why = NULL;
    g_autoptr(DrvDump) info = NULL;
    DRV_STATUS_WAIT("core");

    if (session == NULL && tool == NULL) {
        (void)drv_throw(error,
                        DRV_ERROR_CORE,
                        "cannot ask oned: no credentials in ONE_AUTH or ~/.one/one_auth");
        return NULL;
    }
    if (session)
        info = ask_xmlrpc(object, id, session, &why);
    if (info == NULL && tool &&
        (session == NULL || drv_error_is(why, DRV_ERROR_NO_HOST))) {
        drv_ignore(&why, "the command line tool is asked instead");
        info = ask_tool(object, id, &why);
    }
    if (info)
        return g_steal_pointer(&info);
    if (drv_error_is(why, DRV_ERROR_NO_HOST))
        why->code = DRV_ERROR_CORE;
    g_propagate_error(error, g_steal_pointer(&why));
    return NULL;
}

gboolean
drv_core_update_vm(gint64 id, const char *text, guint timeout_s, GError **error)
{
    g_autofree char *session = read_setting(NULL, "ONE_AUTH", "one_auth");
    g_autofree char *vm = number_param(id);
    g_autofree char *clean = g_markup_escape_text(text, -1);
    g_autofree char *merge = number_param(1);
    g_autofree char *what = g_strconcat(
        vm, "<param><value><string>", clean, "</string></value></param>", merge, NULL);
    g_autofree char *call = session ? build_call("one.vm.update", session, what) : NULL;
    g_autoptr(GString) answer = g_string_new(NULL);
    g_autofree char *done = NULL;

    if (session == NULL)
        return drv_throw(
            error,
            DRV_ERROR_CORE,
            "cannot ask oned: no credentials in ONE_AUTH or ~/.one/one_auth");
    if (!post(call, timeout_s, answer, error))
        return FALSE;
    done = accepted(answer->str, answer->len, error);
    return done != NULL;
}
