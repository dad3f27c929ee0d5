/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"
#include "virt/watch.h"
#include "vmm/kvm/domain/checkpoint.h"
#include "vmm/ops/host.h"
#include "vmm/ops/job.h"
#include "vmm/ops/session.h"
#include "vmm/vmm.h"

#define END_TIMEOUT_MS 60000

/* The file is worthless once we know that the domain goes on.  If it does not, and there
 * was an older file, then that one may be all there is.
 */
static void
give_up(DrvDomain *domain, const char *file, const char *aside)
{
    DRV_CANCEL_SHIELD();
    g_autoptr(GError) error = NULL;
    DrvDomainState state;

    if (!drv_domain_state(domain, &state, NULL, &error))
        drv_warn("'%s' is kept: %s", file, error->message);
    else if (drv_state_is_active(state))
        kvm_checkpoint_remove(file);
    else if (aside)
        kvm_checkpoint_put_back(file, aside);
}

/* *gone: it ended by an earlier save. */
static gboolean
save_domain(DrvDomain *domain, const char *file, gboolean *gone, GError **error)
{
    g_autoptr(DrvWatch) watch = drv_watch_new(domain, DRV_EVENT_LIFECYCLE, error);
    g_autofree char *aside = NULL;
    gboolean ended = FALSE;

    /* An earlier save goes on into the very file. */
    if (watch == NULL || !vmm_wait_for_job(domain, watch, error) ||
        !drv_watch_gone(watch, 0, gone, error))
        return FALSE;
    if (*gone)
        return TRUE;
    if (!kvm_checkpoint_begin(file, &aside, error))
        return FALSE;
    if (!drv_domain_save(domain, file, error)) {
        give_up(domain, file, aside);
        return FALSE;
    }
    DRV_CANCEL_SHIELD(); /* what remains is short, and the domain has ended */
    if (!drv_watch_gone(watch, END_TIMEOUT_MS, &ended, error))
        return FALSE;
    return ended || drv_throw(error, DRV_ERROR_VIRT, "it was saved but is still active");
}

/* A save that was killed after the domain's end has left a checkpoint of it. */
static gboolean
was_saved(DrvVirt *virt, const VmmCheckpoint *request, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(DrvXml) xml = NULL;

    if (!kvm_checkpoint_is_ours(request->file))
        return FALSE;
    text = drv_virt_saved_xml(virt, request->file, error);
    xml = text ? drv_xml_parse("the checkpoint's XML", text, -1, error) : NULL;
    if (xml == NULL)
        return FALSE;
    drv_xml_variable(xml, "id", request->deploy_id);
    return drv_xml_has(xml, NULL, "/domain[uuid=$id or name=$id]");
}

static gboolean
make_checkpoint(DrvVirt *virt, const VmmCheckpoint *request, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(GError) ignored = NULL;
    g_autoptr(DrvDomain) domain = vmm_find(virt, request, &why);
    gboolean gone = domain == NULL && drv_error_is(why, DRV_ERROR_NOT_FOUND);

    if (domain && !save_domain(domain, request->file, &gone, error))
        return FALSE;
    if (domain && !gone)
        return TRUE;
    if (gone && was_saved(virt, request, &ignored)) {
        drv_info("'%s' is complete, and its domain has ended", request->file);
        return TRUE;
    }
    if (why == NULL)
        return drv_throw(error, DRV_ERROR_VIRT, "the domain stopped before it was saved");
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

static gboolean
save(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const VmmCheckpoint *request = data;
    const char *args[] = { request->deploy_id, request->file, request->host,
                           request->vm_id,     request->host, NULL };
    g_autoptr(DrvConfig) config = vmm_config(error);
    g_autoptr(DrvVirt) virt = config ? vmm_open(config, error) : NULL;
    gboolean ran;

    (void)in;
    (void)result;
    if (virt == NULL || !make_checkpoint(virt, request, error) ||
        !kvm_checkpoint_commit(request->file, error))
        return FALSE;
    DRV_CANCEL_SHIELD();
    vmm_compact_memory(config, TRUE);
    return vmm_hook("save", request->tm_mad, args, request->xml, &ran, error);
}

const DrvOp kvm_save = { .name = "kvm.save", .request = &vmm_save, .run = save };
