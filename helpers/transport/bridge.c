/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/bridge.h"

#include "base/error.h"
#include "request/core.h"
#include "request/request.h"

/* HOST/STATE: 3 error, 4 disabled, 5 and 7 monitoring of those, 8 offline. */
static gboolean
is_unusable(const char *state)
{
    static const char *const unusable[] = { "3", "4", "5", "7", "8", NULL };

    return g_strv_contains(unusable, state);
}

static gboolean
is_down(DrvDump *pool, const char *host)
{
    g_autofree char *state = NULL;

    drv_dump_set_variable(pool, "host", host);
    return drv_dump_value(pool, "HOST[NAME=$host]/STATE", &state, NULL) && state &&
           is_unusable(state);
}

/* NULL with @error only on cancellation; without an answer all are taken to be usable. */
static gboolean
ask_states(DrvDump **pool, GError **error)
{
    g_autoptr(GError) why = NULL;

    *pool = drv_core_info(DRV_CORE_HOST_POOL, 0, &why);
    if (drv_error_is(why, DRV_ERROR_CANCELLED)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    drv_ignore(&why, "all bridge hosts are taken to be usable");
    return TRUE;
}

static char **
rotate(GPtrArray *hosts, guint64 pick)
{
    GPtrArray *turned = g_ptr_array_new();
    guint first = (guint)(pick % hosts->len);

    for (guint i = 0; i < hosts->len; i++)
        g_ptr_array_add(turned, g_strdup(hosts->pdata[(first + i) % hosts->len]));
    g_ptr_array_add(turned, NULL);
    return (char **)g_ptr_array_free(turned, FALSE);
}

static char **
here_only(void)
{
    char **hosts = g_new0(char *, 2);

    hosts[0] = g_strdup("");
    return hosts;
}

char **
drv_bridge_hosts(const char *const *bridges, guint64 pick, GError **error)
{
    g_autoptr(GPtrArray) good = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(DrvDump) pool = NULL;

    if (bridges == NULL || bridges[0] == NULL)
        return here_only();
    if (!ask_states(&pool, error))
        return NULL;
    for (guint i = 0; bridges[i]; i++) {
        if (!drv_request_check_host("BRIDGE_LIST", bridges[i], error))
            return NULL;
        if (pool == NULL || !is_down(pool, bridges[i]))
            g_ptr_array_add(good, g_strdup(bridges[i]));
    }
    if (good->len > 0)
        return rotate(good, pick);
    (void)drv_throw(error,
                    DRV_ERROR_NO_HOST,
                    "All hosts from 'BRIDGE_LIST' are offline, error or disabled");
    return NULL;
}

char *
drv_bridge_host(const char *const *bridges, guint64 pick, GError **error)
{
    g_auto(GStrv) hosts = drv_bridge_hosts(bridges, pick, error);

    return hosts ? g_strdup(hosts[0]) : NULL;
}
