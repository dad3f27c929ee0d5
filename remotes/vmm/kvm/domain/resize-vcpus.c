/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cancel.h"
#include "base/error.h"
#include "vmm/kvm/domain/resize.h"
#include "vmm/ops/session.h"
#include "vmm/ops/unplug.h"

#define LOOK_AGAIN_MS 500

static gboolean
count_vcpus(DrvDomain *domain, guint *n, GError **error)
{
    g_autoptr(DrvXml) live = vmm_domain_xml(domain, error);
    g_autofree char *text = NULL;
    guint64 number = 0;

    if (live == NULL)
        return FALSE;
    text = drv_xml_get(live, NULL, "/domain/vcpu/@current");
    if (text == NULL)
        text = drv_xml_text(live, NULL, "/domain/vcpu");
    (void)g_ascii_string_to_unsigned(text, 10, 1, G_MAXUINT, &number, NULL);
    *n = (guint)number;
    return number > 0 ||
           drv_throw(error, DRV_ERROR_VIRT, "the domain has no number of CPUs");
}

/* Wait until fewer than @before are left; FALSE: not in time, or it cannot be known. */
static gboolean
wait_for_vcpus(DrvDomain *domain, guint before, gint64 end_us)
{
    guint left = before;

    while (left >= before && g_get_monotonic_time() < end_us) {
        if (drv_poll(NULL, 0, LOOK_AGAIN_MS, NULL) < 0 ||
            !count_vcpus(domain, &left, NULL))
            return FALSE;
    }
    return left < before;
}

gboolean
kvm_set_vcpus(DrvDomain *domain, guint n, GError **error)
{
    gint64 end_us = g_get_monotonic_time() + VMM_UNPLUG_MS * 1000;
    guint left;

    for (;;) {
        g_autoptr(GError) why = NULL;

        if (!count_vcpus(domain, &left, error))
            return FALSE;
        if (left == n || drv_domain_set_vcpus(domain, n, &why))
            return TRUE;
        if (!drv_error_is(why, DRV_ERROR_TIMEOUT) || left < n ||
            !wait_for_vcpus(domain, left, end_us)) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
    }
}
