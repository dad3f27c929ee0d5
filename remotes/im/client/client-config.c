/* SPDX-License-Identifier: Apache-2.0 */
/* What the front-end's configuration asks of the client, and sending to it. */
#include <string.h>

#include "base/action.h"
#include "base/error.h"
#include "im/client/client.h"
#include "monitor/monitord.h"

#define DEFAULT_PORT 4124

const ImKind im_kinds[] = {
    { "STATE_VM", "vm/status", "STATE_VM", 5, .tcp = TRUE, .in_first_pass = TRUE },
    { "BEACON_HOST", "host/beacon", "BEACON_HOST", .default_s = 30 },
    { "SYSTEM_HOST", "host/system", "SYSTEM_HOST", 600, .in_first_pass = TRUE },
    { "MONITOR_HOST", "host/monitor", "MONITOR_HOST", 120, .in_first_pass = TRUE },
    { "MONITOR_VM", "vm/monitor", "MONITOR_VM", 30, .in_first_pass = TRUE },
    { "MONITOR_VM", "vm/guest", "MONITOR_VM", .default_s = 30 },
    { "MONITOR_VM", "vm/snapshot", .default_s = 60 },
    { "EXEC_VM", "vm/execution", "EXEC_VM", 5, .kept = TRUE },
    { .message = NULL },
};

guint
im_back_off(guint failures)
{
    static const guint seconds[] = { 1, 1, 1, 2, 4, 8, 8, 16, 32, 64 };

    return seconds[CLAMP(failures, 1, G_N_ELEMENTS(seconds)) - 1];
}

char *
im_repair_pem(const char *text)
{
    const char *begin = strstr(text, "-----BEGIN ");
    const char *body = begin ? strstr(begin + 5, "-----") : NULL;
    const char *end = body ? strstr(body + 5, "-----END ") : NULL;
    const char *last = end ? strstr(end + 5, "-----") : NULL;
    g_autoptr(GString) pem = NULL;

    if (last == NULL)
        return NULL;
    body += 5;
    pem = g_string_new_len(begin, body - begin);
    g_string_append_c(pem, '\n');
    for (gsize n = 0; body < end; body++) {
        if (g_ascii_isspace(*body))
            continue;
        g_string_append_c(pem, *body);
        if (++n % 64 == 0)
            g_string_append_c(pem, '\n');
    }
    if (pem->str[pem->len - 1] != '\n')
        g_string_append_c(pem, '\n');
    g_string_append_len(pem, end, last + 5 - end);
    g_string_append_c(pem, '\n');
    return g_string_free(g_steal_pointer(&pem), FALSE);
}

static gboolean
find_address(ImClient *client, DrvXml *xml, GError **error)
{
    g_autofree char *asked = drv_xml_get(xml, NULL, "NETWORK/MONITOR_ADDRESS");
    const char *caller = drv_action_caller_address();

    if (asked && !g_str_equal(asked, "auto"))
        client->address = g_strdup(asked);
    else if (caller)
        client->address = g_strdup(caller);
    else
        client->address = drv_xml_get(xml, NULL, "NETWORK/ADDRESS");
    if (client->address && !g_str_equal(client->address, "0.0.0.0"))
        return TRUE;
    return drv_throw(error, DRV_ERROR_DUMP, "the address of the front-end is unknown");
}

gboolean
im_client_configure(ImClient *client,
                    const char *config,
                    const char *address,
                    GError **error)
{
    g_autoptr(DrvXml) xml =
        drv_xml_parse("the monitor's configuration", config, -1, error);
    g_autofree char *port = xml ? drv_xml_text(xml, NULL, "NETWORK/PORT") : NULL;
    g_autofree char *key = xml ? drv_xml_text(xml, NULL, "NETWORK/PUBKEY") : NULL;
    guint64 number = DEFAULT_PORT;

    if (xml == NULL)
        return FALSE;
    if (*port && !g_ascii_string_to_unsigned(port, 10, 1, G_MAXUINT16, &number, NULL))
        return drv_throw(error, DRV_ERROR_DUMP, "invalid PORT: '%s'", port);
    client->port = (guint16)number;
    client->config = g_strdup(config);
    client->public_key = im_repair_pem(key);
    if (*key && client->public_key == NULL)
        return drv_throw(error, DRV_ERROR_DUMP, "PUBKEY is not a PEM key");
    if (address) {
        client->address = g_strdup(address);
        return TRUE;
    }
    return find_address(client, xml, error);
}

ImContext *
im_client_context(const ImClient *client, GError **error)
{
    ImContext *im = im_context_new(
        client->hypervisor, client->host_id, client->host_name, client->config, error);

    if (im)
        im->lasting = TRUE;
    return im;
}

void
im_client_clear(ImClient *client)
{
    g_free(client->hypervisor);
    g_free(client->host_id);
    g_free(client->host_name);
    g_free(client->config);
    g_free(client->address);
    g_free(client->public_key);
    g_free(client->self);
}

gboolean
im_client_send(const ImClient *client,
               const ImKind *kind,
               gboolean failed,
               const char *text,
               GError **error)
{
    static gint64 latest; /* older ones would be dropped: the clock may be set back */
    DrvMonitorMessage message = { .type = kind->message, .failed = failed, .data = text };
    g_autofree char *line = NULL;
    static GMutex lock;

    if (*text == '\0')
        return TRUE;
    g_mutex_lock(&lock);
    latest = MAX(latest, g_get_real_time() / G_USEC_PER_SEC);
    message.epoch = latest;
    g_mutex_unlock(&lock);
    message.host_id = g_ascii_strtoll(client->host_id, NULL, 10);
    line = drv_monitord_line(&message, client->public_key, error);
    return line &&
           drv_monitord_send(client->address, client->port, line, kind->tcp, error);
}
