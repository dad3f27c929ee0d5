/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_VIRT
#include "virt/capabilities.h"

#include "virt/virt-private.h"

static gboolean
do_capabilities(DrvVirtCall *call)
{
    call->out_text = virConnectGetCapabilities(call->virt->conn);
    return call->out_text != NULL;
}

static gboolean
do_guest_capabilities(DrvVirtCall *call)
{
    call->out_text = virConnectGetDomainCapabilities(
        call->virt->conn, NULL, NULL, NULL, call->text, 0);
    return call->out_text != NULL;
}

static gboolean
do_cpu(DrvVirtCall *call)
{
    const char *cpus[] = { call->text2 };

    call->out_text =
        virConnectBaselineHypervisorCPU(call->virt->conn,
                                        NULL,
                                        NULL,
                                        NULL,
                                        call->text,
                                        cpus,
                                        1,
                                        VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES);
    return call->out_text != NULL;
}

char *
drv_capabilities_host(DrvVirt *virt, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_new(virt, "ask what the host can do", do_capabilities);

    return drv_virt_call(call, error) ? g_steal_pointer(&call->out_text) : NULL;
}

char *
drv_capabilities_guest(DrvVirt *virt, const char *type, GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_new(virt, "ask what guests can do", do_guest_capabilities);

    call->text = g_strdup(type);
    return drv_virt_call(call, error) ? g_steal_pointer(&call->out_text) : NULL;
}

char *
drv_capabilities_expand_cpu(DrvVirt *virt,
                            const char *type,
                            const char *cpu,
                            GError **error)
{
    g_autoptr(DrvVirtCall) call =
        drv_virt_call_new(virt, "ask for the CPU's features", do_cpu);

    call->text = g_strdup(type);
    call->text2 = g_strdup(cpu);
    return drv_virt_call(call, error) ? g_steal_pointer(&call->out_text) : NULL;
}
