/* SPDX-License-Identifier: Apache-2.0 */
/* After a try whose end nobody saw: what do source and destination have? */
#include <fcntl.h>

#include "base/path.h"
#include "tm/ssh/ssh.h"

static gboolean
look_at_source(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    g_autofree char *source = drv_path_collapse(((const TmMove *)data)->source);

    (void)in, (void)error;
    *result = g_strdup(drv_path_exists(AT_FDCWD, source) ? "there" : "missing");
    return TRUE;
}

const DrvOp ssh_mv_look = {
    .name = "ssh.mv_look",
    .request = &tm_mv,
    .run = look_at_source,
};
DRV_OP_REGISTER(ssh_mv_look);

static gboolean
look_at_target(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    g_autofree char *target = drv_path_collapse(((const TmMove *)data)->target);

    (void)in, (void)error;
    *result = g_strdup(drv_path_exists(AT_FDCWD, target) ? "there" : "missing");
    return TRUE;
}

const DrvOp ssh_mv_arrived = {
    .name = "ssh.mv_arrived",
    .request = &tm_mv,
    .run = look_at_target,
};
DRV_OP_REGISTER(ssh_mv_arrived);
