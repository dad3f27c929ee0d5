/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/action.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "virt/watch.h"
#include "vmm/kvm/domain/deploy-xml.h"
#include "vmm/ops/directory.h"
#include "vmm/ops/host.h"
#include "vmm/ops/job.h"
#include "vmm/ops/session.h"
#include "vmm/vmm.h"

/* Kept for the admin and for the front-end's own tools; it may hold passwords. */
static gboolean
store(const VmmDeploy *request, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(request->file);
    g_auto(DrvFd) fd = drv_path_make_dir(directory, error);
    g_autoptr(GError) why = NULL;

    if (fd < 0)
        return FALSE;
    if (!g_file_set_contents_full(
            request->file, request->xml, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &why))
        return drv_throw(error,
                         g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOSPC)
                             ? DRV_ERROR_NO_SPACE
                             : DRV_ERROR_FAILED,
                         "cannot write '%s': %s",
                         request->file,
                         why->message);
    return TRUE;
}

/* Virtual GPUs are made by a privileged helper from the VM's document. */
static gboolean
make_devices(DrvXml *domain, const char *directory, GError **error)
{
    g_autofree char *vm_xml = g_build_filename(directory, "vm.xml", NULL);

    return !drv_xml_has(domain, NULL, "/domain/devices/hostdev[@type='mdev']") ||
           vmm_helper("vgpu", "CREATE", vm_xml, NULL, error);
}

static gboolean
prepare(DrvXml *domain, const char *directory, const DrvConfig *config, GError **error)
{
    kvm_resolve_links(domain);
    vmm_compact_memory(config, FALSE);
    return kvm_make_nvram(domain, config, error) &&
           kvm_recover_tpm(domain, directory, error) &&
           make_devices(domain, directory, error);
}

/* The very same action was begun before, and killed. */
static gboolean
is_repeated(const VmmDeploy *request)
{
    g_autofree char *text = NULL;

    return g_file_get_contents(request->file, &text, NULL, NULL) &&
           strcmp(text, request->xml) == 0;
}

/* What an earlier attempt has started, once it has done so; NULL when it had not come to
 * that.
 */
static DrvDomain *
find_started(DrvVirt *virt, DrvXml *xml)
{
    g_autofree char *uuid = drv_xml_text(xml, NULL, "/domain/uuid");
    g_autoptr(DrvDomain) domain = *uuid ? drv_virt_find(virt, uuid, NULL) : NULL;
    g_autoptr(DrvWatch) watch =
        domain ? drv_watch_new(domain, DRV_EVENT_LIFECYCLE, NULL) : NULL;
    DrvDomainState state = DRV_STATE_ABSENT;

    if (watch && vmm_wait_for_job(domain, watch, NULL) &&
        drv_domain_state(domain, &state, NULL, NULL) && drv_state_is_active(state))
        return g_steal_pointer(&domain);
    return NULL;
}

static gboolean
deploy(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const VmmDeploy *request = data;
    g_autoptr(DrvXml) xml = drv_xml_parse("the domain's XML", request->xml, -1, error);
    g_autofree char *directory = g_path_get_dirname(request->file);
    g_autoptr(DrvConfig) config = xml ? vmm_config(error) : NULL;
    g_autoptr(DrvVirt) virt = NULL;
    g_autoptr(DrvDomain) domain = NULL;
    gboolean repeated = is_repeated(request);
    g_autofree char *text = NULL;

    (void)in;
    if (config == NULL)
        return FALSE;
    if (strcmp(drv_xml_node_name(drv_xml_root(xml)), "domain") != 0)
        return drv_throw(error, DRV_ERROR_DUMP, "stdin is not the XML of a domain");
    virt = vmm_open(config, error);
    if (virt == NULL || !store(request, error))
        return FALSE;
    domain = repeated ? find_started(virt, xml) : NULL;
    if (domain == NULL && !prepare(xml, directory, config, error))
        return FALSE;
    text = drv_xml_to_text(xml);
    if (domain == NULL)
        domain = drv_virt_create(virt, text, 0, error);
    if (domain == NULL) {
        vmm_release_devices(xml, directory);
        return drv_prefix(error, "'%s'", request->file);
    }
    vmm_snapshots_redefine(domain, directory);
    /* Older front-ends look for what they get by name; all later calls take either. */
    *result = g_strdup(drv_release_at_least(drv_action_release(), 5, 12, 0)
                           ? drv_domain_uuid(domain)
                           : drv_domain_name(domain));
    return TRUE;
}

const DrvOp kvm_deploy = { .name = "kvm.deploy", .request = &vmm_deploy, .run = deploy };
