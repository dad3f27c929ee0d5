/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/ops/session.h"

#include "base/action.h"
#include "base/log.h"

DrvConfig *
vmm_config(GError **error)
{
    g_autofree char *new_place =
        g_build_filename(drv_action_remotes_dir(), "etc/vmm/kvm/kvmrc", NULL);

    if (g_file_test(new_place, G_FILE_TEST_EXISTS))
        return drv_config_load("vmm/kvm/kvmrc", error);
    return drv_config_load("../vmm/kvm/kvmrc", error);
}

gboolean
vmm_config_bool(const DrvConfig *config, const char *name, gboolean fallback)
{
    g_autoptr(GError) error = NULL;
    gboolean value;

    if (drv_config_get_bool(config, name, fallback, &value, &error))
        return value;
    drv_warn("kvmrc: %s", error->message);
    return fallback;
}

guint
vmm_config_uint(const DrvConfig *config, const char *name, guint fallback)
{
    g_autoptr(GError) error = NULL;
    guint64 value;

    if (drv_config_get_uint(config, name, fallback, &value, &error))
        return (guint)MIN(value, G_MAXINT);
    drv_warn("kvmrc: %s", error->message);
    return fallback;
}

DrvVirt *
vmm_open(const DrvConfig *config, GError **error)
{
    return drv_virt_open(drv_config_get(config, "LIBVIRT_URI", "qemu:///system"), error);
}

DrvDomain *
vmm_find(DrvVirt *virt, gconstpointer request, GError **error)
{
    return drv_virt_find(virt, ((const VmmHead *)request)->deploy_id, error);
}

void
vmm_session_clear(VmmSession *session)
{
    g_clear_pointer(&session->domain, drv_domain_free);
    g_clear_pointer(&session->virt, drv_virt_close);
    g_clear_pointer(&session->config, drv_config_free);
}

gboolean
vmm_session_open_named(VmmSession *session, const char *id, GError **error)
{
    session->config = vmm_config(error);
    session->virt = session->config ? vmm_open(session->config, error) : NULL;
    session->domain = session->virt ? drv_virt_find(session->virt, id, error) : NULL;
    return session->domain != NULL;
}

gboolean
vmm_session_open(VmmSession *session, gconstpointer request, GError **error)
{
    return vmm_session_open_named(session, ((const VmmHead *)request)->deploy_id, error);
}

DrvXml *
vmm_document(gconstpointer request, GError **error)
{
    const VmmHead *head = request;

    return drv_xml_parse(
        "stdin", *head->xml ? head->xml : "<VMM_DRIVER_ACTION_DATA/>", -1, error);
}

DrvXml *
vmm_domain_xml(DrvDomain *domain, GError **error)
{
    g_autofree char *text = drv_domain_xml(domain, FALSE, error);

    return text ? drv_xml_parse("the domain's XML", text, -1, error) : NULL;
}
