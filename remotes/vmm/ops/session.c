/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vmm.h"

void
vmm_session_clear(VmmSession *session)
{
    g_clear_pointer(&session->domain, drv_domain_free);
    g_clear_pointer(&session->virt, drv_virt_close);
    g_clear_pointer(&session->config, drv_config_free);
}

gboolean
vmm_session_open(VmmSession *session, const VmmHead *request, GError **error)
{
    session->config = vmm_config(error);
    session->virt = session->config ? vmm_open(session->config, error) : NULL;
    session->domain = session->virt ? vmm_find(session->virt, request, error) : NULL;
    return session->domain != NULL;
}
