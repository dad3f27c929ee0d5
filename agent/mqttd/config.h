/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - the configuration file of drv-mqttd; drv-mqttd(8) has its keys. */
#pragma once

#include <glib.h>

/* How answers look: see answer.h. */
typedef enum { FORM_RICH, FORM_DOCUMENTED, FORM_CODED } AnswerForm;

typedef struct {
    /* communicator */
    int communicator_type;
    char *client_id, *subscribe_topic, *publish_topic, *host;
    gint64 port, keepalive_s;
    char *username, *password, *password_file;
    char *ca_file, *ca_directory, *cert_file, *key_file;
    gint64 subscribe_qos, publish_qos, reconnect_max_s;

    /* hypervisor */
    int hypervisor_type;
    char **nodes; /* may be NULL */
    char *driver, *transport, *rdma_suffix, *pci_devices;
    gint64 start_timeout_s, stop_timeout_s, probe_port, memory_reserve_kib;

    /* pscom-handler */
    char *pscom_request_topic, *pscom_response_topic;
    gint64 pscom_qos, pscom_timeout_s;
    int pscom_form; /* 0: YAML, 1: plain */

    /* agent, tasks, answers */
    char *socket, *directory, *swap_directory;
    gint64 agent_away_s, concurrency, max_waiting, keep_days, keep_count;
    int form;
    char *scheduler; /* NULL: not in answers */

    char *hostname;
} Config;

/* Read @path.  DRV_ERROR_CONFIG, with the file, the key and the line. */
Config *config_read(const char *path, GError **error);
void config_free(Config *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Config, config_free)
