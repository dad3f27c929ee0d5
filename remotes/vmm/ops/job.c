/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/ops/job.h"

#include "base/error.h"
#include "virt/watch.h"

#define LOOK_AGAIN_MS 500
#define LIMIT_US (600 * G_USEC_PER_SEC)

/* A save or migration tells of itself; what does not, as a snapshot, keeps others away.
 */
static gboolean
is_busy(DrvDomain *domain, gboolean *busy, GError **error)
{
    gboolean idle;

    if (!drv_domain_job(domain, busy, error))
        return FALSE;
    if (*busy)
        return TRUE;
    if (!drv_domain_idle(domain, &idle, error))
        return FALSE;
    *busy = !idle;
    return TRUE;
}

gboolean
vmm_wait_for_job(DrvDomain *domain, DrvWatch *watch, GError **error)
{
    gint64 end = g_get_monotonic_time() + LIMIT_US;

    for (;;) {
        g_autoptr(GError) why = NULL;
        gboolean busy;
        DrvEvent event;

        if (!is_busy(domain, &busy, &why)) {
            if (!drv_error_is(why, DRV_ERROR_CANCELLED) &&
                !drv_error_is(why, DRV_ERROR_TIMEOUT))
                return TRUE; /* it may just have ended; who looks next is told */
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        if (!busy)
            return TRUE;
        if (g_get_monotonic_time() > end)
            return drv_throw(
                error, DRV_ERROR_BUSY, "another job is still running on the domain");
        if (!drv_watch_next(watch, &event, LOOK_AGAIN_MS, error))
            return FALSE;
    }
}
