/* SPDX-License-Identifier: Apache-2.0 */
#include <libvirt/libvirt.h>

#include "drv-error.h"
#include "vmm.h"

#define LOOK_AGAIN_MS 500
#define STILL_US (60 * G_USEC_PER_SEC) /* for a job that libvirt does not tell of */

/* TRUE in *busy while a save is at work, or a snapshot, of which there is only this sign:
 * the guest stands still for it.
 */
static gboolean
stands_still(DrvDomain *domain, gboolean *busy, GError **error)
{
    DrvDomainState state;
    int reason = 0;

    if (!drv_domain_state(domain, &state, &reason, error))
        return FALSE;
    *busy = state == DRV_STATE_PAUSED &&
            (reason == VIR_DOMAIN_PAUSED_SAVE || reason == VIR_DOMAIN_PAUSED_SNAPSHOT);
    return TRUE;
}

gboolean
vmm_wait_for_job(DrvDomain *domain, DrvWatch *watch, GError **error)
{
    gint64 end = g_get_monotonic_time() + STILL_US;

    for (;;) {
        g_autoptr(GError) why = NULL;
        gboolean active, still;
        DrvEvent event;

        if (!drv_domain_job(domain, &active, &why))
            return TRUE; /* it may just have ended; who looks next is told */
        if (!stands_still(domain, &still, error))
            return FALSE;
        if (!active && (!still || g_get_monotonic_time() >= end))
            return TRUE;
        if (!drv_watch_next(watch, &event, LOOK_AGAIN_MS, error))
            return FALSE;
    }
}
