/* SPDX-License-Identifier: Apache-2.0 */
/* monitord-client - report this host and its VMs to the front-end, once and then for
 * good.
 *
 *   monitord-client HYPERVISOR HOST_ID HOST < configuration
 *
 * run_monitord_client and run_probes start it.
 */
#include "base/action.h"
#include "base/error.h"
#include "base/fd.h"
#include "im/client/client.h"
#include "request/dump.h"

#define CONFIG_FD 3

/* Answer START_MONITOR, and stay behind. */
static int
start(ImClient *client)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) config = g_string_new(NULL);
    g_autofree char *answer = NULL;

    if (!drv_fd_read_all(0, config, DRV_DUMP_MAX, "the configuration", &error) ||
        !im_client_configure(client, config->str, NULL, &error) ||
        !im_end_clients(client->host_id, &error))
        return drv_action_fail(error);
    answer = im_first_pass(client, &error);
    if (answer == NULL || !im_client_detach(client, &error))
        return drv_action_fail(error);
    return drv_action_reply("%s", answer);
}

static int
stay(ImClient *client, const char *address)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) config = g_string_new(NULL);

    if (!drv_fd_read_all(CONFIG_FD, config, DRV_DUMP_MAX, "the configuration", &error) ||
        !im_client_configure(client, config->str, address, &error) ||
        !im_client_stay(client, &error))
        return drv_error_is(error, DRV_ERROR_CANCELLED) ? drv_action_done()
                                                        : drv_action_fail(error);
    return drv_action_done();
}

int
main(int argc, char **argv)
{
    g_auto(ImClient) client = { 0 };
    g_autoptr(GError) error = NULL;

    im_init(argc, argv);
    if (argc == 8 && g_str_equal(argv[7], "--stay"))
        return im_collect_stay(argc, argv, &error) ? drv_action_done()
                                                   : drv_action_fail(error);
    if (argc == 7)
        return im_collect_start(argc, argv, &error) ? drv_action_done()
                                                    : drv_action_fail(error);
    if (argc < 4) {
        (void)drv_throw(&error, DRV_ERROR_USAGE, "usage: TYPE HOST_ID HOST");
        return drv_action_fail(error);
    }
    client.hypervisor = g_strdup(argv[1]);
    client.host_id = g_strdup(argv[2]);
    client.host_name = g_strdup(argv[3]);
    client.self = g_canonicalize_filename(argv[0], NULL);
    if (argc == 6 && g_str_equal(argv[4], "--stay"))
        return stay(&client, argv[5]);
    return start(&client);
}
