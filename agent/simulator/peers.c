/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/simulator/simulator.h"

/* The host of "qemu+ssh://HOST/system". */
static char *
host_of(const char *uri)
{
    const char *host = strstr(uri, "://");

    return host ? g_strndup(host + 3, strcspn(host + 3, "/")) : g_strdup("");
}

static gboolean
reach(const char *uri)
{
    g_autofree char *host = host_of(uri);

    return !g_str_has_prefix(host, "down") || fail("Failed_to_contact_remote_service",
                                                   json_object_new_string(uri),
                                                   "the host is not reached");
}

gboolean
peers_look(void)
{
    const char *uri = text(drv_json_member(document, "options"), "uri");
    g_autofree char *host = host_of(uri);
    guint64 cpus = 8, mib = 8192;
    char *end = host + 1;

    if (!reach(uri) || !step(0.0, "look"))
        return FALSE;
    if (*host == 'c' && g_ascii_isdigit(host[1]))
        cpus = g_ascii_strtoull(host + 1, &end, 10);
    if (*host && *end == 'm')
        mib = g_ascii_strtoull(end + 1, NULL, 10);
    result = json_object_new_object();
    json_object_object_add(result, "cpus", json_object_new_int64((gint64)cpus));
    json_object_object_add(
        result, "available_kib", json_object_new_int64((gint64)mib * 1024));
    json_object_object_add(result, "domains", json_object_new_array());
    return TRUE;
}

/* The words of a migration end with the URI. */
static gboolean
has_rdma(const char *words)
{
    const char *uri = strstr(words, "rdma://");
    g_autofree char *message = NULL;

    if (uri == NULL || !g_str_has_prefix(uri, "rdma://noib"))
        return TRUE;
    message = g_strdup_printf("no way to '%s'", uri);
    return fail("IO_error", NULL, message);
}

gboolean
peers_migrate(void)
{
    json_object *options = drv_json_member(document, "options");
    gint64 failures = json_object_get_int64(drv_json_member(platform, "sim-fail-tries"));
    gint64 tries = MAX(json_object_get_int64(drv_json_member(options, "tries")), 1);

    if (!is_active() && !is("Suspended"))
        return bad_power("Running");
    if (!reach(text(options, "destination")) || !step(0.1, "migrate"))
        return FALSE;
    if (!has_rdma(text(options, "words")))
        return FALSE;
    if (failures >= tries)
        return fail("IO_error", NULL, "still runs on the source: told to fail");
    become("Halted", FALSE);
    if (is_told("sim-fail", "arrived"))
        return fail("IO_error", NULL, "it has arrived, without vcpu-map: told to fail");
    result = json_object_new_object();
    json_object_object_add(result, "retries", json_object_new_int64(failures));
    return TRUE;
}

gboolean
peers_fetch(void)
{
    return reach(text(drv_json_member(document, "options"), "uri")) &&
           step(0.1, "migrate");
}
