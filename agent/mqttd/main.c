/* SPDX-License-Identifier: Apache-2.0 */
/* drv-mqttd - virtual machines for schedulers that speak MQTT; a client of the host
 * agent. */
#include <glib/gstdio.h>
#include <systemd/sd-daemon.h>

#include "agent/mqttd/dispatch.h"
#include "base/action.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"
#include "transport/build.h"

#define DEFAULT_CONFIG "/etc/one-native/mqttd.yaml"
#define DRAIN_MS 5000

static char *config_path;
static gboolean show_version, check_only;

static const GOptionEntry options[] = {
    { "config", 'c', 0, G_OPTION_ARG_FILENAME, &config_path, DEFAULT_CONFIG, "FILE" },
    { "check", 0, 0, G_OPTION_ARG_NONE, &check_only, "Check the configuration", NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &show_version, "Say which build it is", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
};

static gboolean
read_options(int argc, char **argv, GError **error)
{
    g_autoptr(GOptionContext) context =
        g_option_context_new("- tasks for this host's VMs, from an MQTT broker");

    g_option_context_add_main_entries(context, options, NULL);
    if (!g_option_context_parse(context, &argc, &argv, error))
        return FALSE;
    if (argc > 1)
        return drv_throw(error, DRV_ERROR_USAGE, "'%s' is not an option", argv[1]);
    if (config_path == NULL)
        config_path = g_strdup(DEFAULT_CONFIG);
    return TRUE;
}

/* Until told to stop, by a signal or by a task. */
static void
wait_for_end(Dispatch *dispatch, Broker *broker)
{
    struct pollfd fd = { .fd = dispatch_quit_fd(dispatch), .events = POLLIN };

    if (drv_poll(&fd, 1, -1, NULL) > 0 && !broker_drain(broker, DRAIN_MS))
        drv_warn("the broker has not taken all results; they are sent at the next start");
}

static gboolean
serve(const Config *config, GError **error)
{
    g_autoptr(Spool) spool =
        spool_open(config->directory, config->keep_days, config->keep_count, error);
    g_autoptr(Dispatch) dispatch = spool ? dispatch_new(config, spool) : NULL;
    g_autoptr(Broker) broker =
        dispatch ? broker_new(config, spool, dispatch_take, dispatch, error) : NULL;

    if (broker == NULL)
        return FALSE;
    dispatch_begin(dispatch, broker);
    broker_start(broker);
    (void)sd_notify(0, "READY=1");
    wait_for_end(dispatch, broker);
    (void)sd_notify(0, "STOPPING=1");
    dispatch_end(dispatch);
    return TRUE;
}

static int
say_version(void)
{
    return drv_action_reply("drv-mqttd (one-native) %s", drv_build());
}

static gboolean
run(int argc, char **argv, GError **error)
{
    g_autoptr(Config) config = NULL;

    if (!read_options(argc, argv, error))
        return FALSE;
    if (show_version)
        return say_version() == 0;
    config = config_read(config_path, error);
    if (config == NULL)
        return FALSE;
    return check_only ? drv_action_reply("%s: good", config_path) == 0
                      : serve(config, error);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    drv_log_set_name("drv-mqttd");
    if (drv_cancel_init(&error) && run(argc, argv, &error))
        return 0;
    drv_error_log("%s", error ? error->message : "it failed");
    return drv_error_exit_status(drv_error_code(error));
}
