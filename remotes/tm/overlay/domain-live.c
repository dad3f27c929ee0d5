/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "tm/overlay/live.h"

void
tm_live_clear(TmLive *live)
{
    g_clear_pointer(&live->domain, drv_domain_free);
    g_clear_pointer(&live->virt, drv_virt_close);
}

gboolean
tm_live_open(TmLive *live,
             const char *deploy_id,
             guint64 vm_id,
             const char *vm_mad,
             GError **error)
{
    static const char *const mads[] = { "", "kvm", "qemu", NULL };
    g_autofree char *name = g_strdup_printf("one-%" G_GUINT64_FORMAT, vm_id);

    if (!g_strv_contains(mads, vm_mad))
        return drv_throw(
            error, DRV_ERROR_UNSUPPORTED, "Live operation not supported on %s", vm_mad);
    live->virt = drv_virt_open(NULL, error);
    if (live->virt == NULL)
        return FALSE;
    live->domain = drv_virt_find(live->virt, *deploy_id ? deploy_id : name, error);
    return live->domain != NULL;
}
