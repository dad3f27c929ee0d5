/* SPDX-License-Identifier: Apache-2.0 */
/* reboot and reset. */
#include "vmm/ops/session.h"
#include "vmm/vmm.h"

static gboolean
with_domain(const VmmHead *request,
            gboolean (*act)(DrvDomain *, GError **),
            GError **error)
{
    g_auto(VmmSession) session = { 0 };

    return vmm_session_open(&session, request, error) && act(session.domain, error);
}

static gboolean
reboot(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in;
    (void)result;
    return with_domain(data, drv_domain_reboot, error);
}

static gboolean
reset(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)in;
    (void)result;
    return with_domain(data, drv_domain_reset, error);
}

const DrvOp kvm_reboot = { .name = "kvm.reboot", .request = &vmm_domain, .run = reboot };
const DrvOp kvm_reset = { .name = "kvm.reset", .request = &vmm_domain, .run = reset };
