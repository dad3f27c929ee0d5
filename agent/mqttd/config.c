/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/config.h"

#include <string.h>
#include <unistd.h>

#include "agent/mqttd/field.h"
#include "base/error.h"

static const char *const communicators[] = { "mqtt", NULL };
static const char *const hypervisors[] = { "libvirt", NULL };
static const char *const drivers[] = { "qemu", "test", NULL };
static const char *const pscom_forms[] = { "documented", "coded", NULL };
static const char *const forms[] = { "rich", "documented", "coded", NULL };

static gboolean
check_driver(const Node *node, gpointer into, GError **error)
{
    Config *config = into;

    if (node->kind != NODE_TEXT || !g_strv_contains(drivers, node->text))
        return field_refuse(node, "has to be qemu", error);
    g_free(config->driver);
    config->driver = g_strdup(node->text);
    return TRUE;
}

#define AT(member) offsetof(Config, member)
#define TEXT(name, member)                                                               \
    {                                                                                    \
        name, FIELD_TEXT, AT(member), NULL, 0, 0, NULL, NULL                             \
    }
#define NUMBER(name, member, least, most)                                                \
    {                                                                                    \
        name, FIELD_NUMBER, AT(member), NULL, least, most, NULL, NULL                    \
    }
#define WORD(name, member, words)                                                        \
    {                                                                                    \
        name, FIELD_WORD, AT(member), NULL, 0, 0, words, NULL                            \
    }
#define END                                                                              \
    {                                                                                    \
        NULL, 0, 0, NULL, 0, 0, NULL, NULL                                               \
    }

static const Field tls[] = {
    TEXT("ca-file", ca_file),
    TEXT("ca-directory", ca_directory),
    TEXT("cert-file", cert_file),
    TEXT("key-file", key_file),
    END,
};

static gboolean
read_tls(const Node *node, gpointer into, GError **error)
{
    const Field *const known[] = { tls, NULL };
    const Node *unknown;

    if (!field_read(tls, node, into, error))
        return FALSE;
    unknown = field_unknown(known, node);
    return unknown == NULL || field_refuse(unknown, "is not a known key", error);
}

static const Field communicator[] = {
    WORD("type", communicator_type, communicators),
    TEXT("id", client_id),
    TEXT("subscribe-topic", subscribe_topic),
    TEXT("publish-topic", publish_topic),
    TEXT("host", host),
    NUMBER("port", port, 1, 65535),
    NUMBER("keepalive", keepalive_s, 5, 65535),
    TEXT("username", username),
    TEXT("password", password),
    TEXT("password-file", password_file),
    NUMBER("subscribe-qos", subscribe_qos, 0, 2),
    NUMBER("publish-qos", publish_qos, 1, 2),
    NUMBER("reconnect-max", reconnect_max_s, 1, 3600),
    { "tls", FIELD_CUSTOM, 0, NULL, 0, 0, NULL, read_tls },
    END,
};

static const Field hypervisor[] = {
    WORD("type", hypervisor_type, hypervisors),
    { "nodes", FIELD_TEXTS, AT(nodes), NULL, 0, 0, NULL, NULL },
    { "driver", FIELD_CUSTOM, 0, NULL, 0, 0, NULL, check_driver },
    TEXT("transport", transport),
    NUMBER("start-timeout", start_timeout_s, 1, 86400),
    NUMBER("stop-timeout", stop_timeout_s, 1, 86400),
    NUMBER("probe-port", probe_port, 1, 65535),
    TEXT("rdma-suffix", rdma_suffix),
    TEXT("pci-devices", pci_devices),
    TEXT("swap-directory", swap_directory),
    NUMBER("memory-reserve", memory_reserve_kib, 0, G_GINT64_CONSTANT(1) << 50),
    END,
};

static const Field pscom_handler[] = {
    TEXT("request-topic", pscom_request_topic),
    TEXT("response-topic", pscom_response_topic),
    NUMBER("qos", pscom_qos, 0, 2),
    NUMBER("timeout", pscom_timeout_s, 1, 3600),
    WORD("form", pscom_form, pscom_forms),
    END,
};

static const Field agent[] = {
    TEXT("socket", socket),
    NUMBER("away-timeout", agent_away_s, 1, 86400),
    END,
};

static const Field tasks[] = {
    TEXT("directory", directory),
    NUMBER("concurrency", concurrency, 1, 256),
    NUMBER("max-waiting", max_waiting, 1, 1000000),
    NUMBER("keep-days", keep_days, 1, 3650),
    NUMBER("keep-count", keep_count, 1, 10000000),
    END,
};

static const Field answers[] = {
    WORD("form", form, forms),
    TEXT("scheduler", scheduler),
    END,
};

static const struct {
    const char *key;
    const Field *fields;
} sections[] = {
    { "communicator", communicator },
    { "hypervisor", hypervisor },
    { "pscom-handler", pscom_handler },
    { "agent", agent },
    { "tasks", tasks },
    { "answers", answers },
};

static const Field *
fields_of(const char *section)
{
    for (guint i = 0; i < G_N_ELEMENTS(sections); i++) {
        if (node_same_key(sections[i].key, section))
            return sections[i].fields;
    }
    return NULL;
}

static gboolean
read_section(const Node *node, Config *config, GError **error)
{
    const Field *fields = fields_of(node->key);
    const Field *const known[] = { fields, NULL };
    const Node *unknown;

    if (fields == NULL)
        return field_refuse(node, "is not a known section", error);
    if (node_is_null(node))
        return TRUE;
    if (!field_read(fields, node, config, error))
        return FALSE;
    unknown = field_unknown(known, node);
    return unknown == NULL || field_refuse(unknown, "is not a known key", error);
}

/* --- what the file may leave out -------------------------------------------------------
 */

static void
put_defaults(Config *config)
{
    config->communicator_type = config->hypervisor_type = -1;
    config->client_id = g_strdup_printf("fast-migfra-%s", config->hostname);
    config->subscribe_topic = g_strdup_printf("fast/migfra/%s/task", config->hostname);
    config->publish_topic = g_strdup_printf("fast/migfra/%s/result", config->hostname);
    config->port = 1883;
    config->keepalive_s = 60;
    config->subscribe_qos = config->publish_qos = 1;
    config->reconnect_max_s = 60;
    config->driver = g_strdup("qemu");
    config->transport = g_strdup("ssh");
    config->rdma_suffix = g_strdup("-ib");
    config->pci_devices = g_strdup("/sys/bus/pci/devices");
    config->start_timeout_s = config->stop_timeout_s = 60;
    config->probe_port = 22;
    config->pscom_request_topic = g_strdup("fast/pscom/<vm_name>/any_proc/request");
    config->pscom_response_topic = g_strdup("fast/pscom/<vm_name>/+/response");
    config->pscom_timeout_s = 10;
    config->socket = g_strdup("/run/one-native/agent.sock");
    config->directory = g_strdup("/var/lib/one-native/mqtt");
    config->agent_away_s = 60;
    config->concurrency = 8;
    config->max_waiting = 10000;
    config->keep_days = 7;
    config->keep_count = 100000;
}

void
config_free(Config *config)
{
    char **const texts[] = {
        &config->client_id,      &config->subscribe_topic, &config->publish_topic,
        &config->host,           &config->username,        &config->password,
        &config->password_file,  &config->ca_file,         &config->ca_directory,
        &config->cert_file,      &config->key_file,        &config->driver,
        &config->transport,      &config->rdma_suffix,     &config->pci_devices,
        &config->socket,         &config->directory,       &config->pscom_request_topic,
        &config->swap_directory, &config->scheduler,       &config->pscom_response_topic,
        &config->hostname,
    };

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(*texts[i]);
    g_strfreev(config->nodes);
    g_free(config);
}

/* --- what goes together ----------------------------------------------------------------
 */

static gboolean
need(const Node *root,
     const char *section,
     const char *key,
     gboolean given,
     GError **error)
{
    const Node *node = node_find(root, section);

    if (given)
        return TRUE;
    if (node == NULL)
        return drv_throw(error, DRV_ERROR_USAGE, "'%s.%s' is missing", section, key);
    return drv_throw(error,
                     DRV_ERROR_USAGE,
                     "'%s.%s' is missing (in the section of line %d)",
                     section,
                     key,
                     node->line);
}

/* A result's topic with wildcards could not be published to. */
static gboolean
check_topics(const Config *config, GError **error)
{
    if (*config->publish_topic == '\0' || strpbrk(config->publish_topic, "+#"))
        return drv_throw(error,
                         DRV_ERROR_USAGE,
                         "'communicator.publish-topic' may not be empty or have + or #");
    if (strpbrk(config->pscom_request_topic, "+#"))
        return drv_throw(
            error, DRV_ERROR_USAGE, "'pscom-handler.request-topic' may not have + or #");
    return TRUE;
}

static gboolean
check(const Node *root, Config *config, GError **error)
{
    if (!need(root, "communicator", "type", config->communicator_type >= 0, error) ||
        !need(root, "communicator", "host", config->host != NULL, error) ||
        !need(root, "hypervisor", "type", config->hypervisor_type >= 0, error) ||
        !check_topics(config, error))
        return FALSE;
    if (config->password && config->password_file)
        return drv_throw(
            error,
            DRV_ERROR_USAGE,
            "'communicator.password' and 'password-file' exclude each other");
    if ((config->password || config->password_file) && config->username == NULL)
        return need(root, "communicator", "username", FALSE, error);
    if ((config->cert_file == NULL) != (config->key_file == NULL))
        return drv_throw(error,
                         DRV_ERROR_USAGE,
                         "'communicator.tls' has only one of cert-file and key-file");
    if (config->cert_file && config->ca_file == NULL && config->ca_directory == NULL)
        return need(root, "communicator", "tls.ca-file", FALSE, error);
    return TRUE;
}

static gboolean
read_password(Config *config, GError **error)
{
    if (config->password_file == NULL)
        return TRUE;
    if (!g_file_get_contents(config->password_file, &config->password, NULL, error))
        return drv_prefix(error, "'communicator.password-file'");
    g_strchomp(config->password);
    return TRUE;
}

static gboolean
read_all(const char *text, gsize size, Config *config, GError **error)
{
    g_autoptr(Node) root = NULL;

    if (!node_read(text, size, &root, error))
        return FALSE;
    if (root->kind != NODE_MAP)
        return drv_throw(error, DRV_ERROR_USAGE, "it has to be a map of sections");
    for (guint i = 0; i < root->items->len; i++) {
        if (!read_section(g_ptr_array_index(root->items, i), config, error))
            return FALSE;
    }
    return check(root, config, error) && read_password(config, error);
}

Config *
config_read(const char *path, GError **error)
{
    g_autoptr(Config) config = g_new0(Config, 1);
    char hostname[256] = "";
    g_autofree char *text = NULL;
    g_autoptr(GString) filled = NULL;
    gsize size;

    if (gethostname(hostname, sizeof hostname - 1) < 0) {
        (void)drv_throw_errno(error, "cannot ask for the name of this host");
        return NULL;
    }
    config->hostname = g_strdup(hostname);
    put_defaults(config);
    if (!g_file_get_contents(path, &text, &size, error))
        return NULL;
    filled = g_string_new_len(text, (gssize)size);
    g_string_replace(filled, "<hostname>", hostname, 0);
    if (read_all(filled->str, filled->len, config, error))
        return g_steal_pointer(&config);
    (void)drv_prefix(error, "%s", path);
    if (error && *error && (*error)->domain == drv_error_quark())
        (*error)->code = DRV_ERROR_CONFIG;
    return NULL;
}
