/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gstdio.h>

#include "base/cancel.h"
#include "base/error.h"
#include "virt/agent.h"
#include "virt/watch.h"
#include "vmm/kvm/domain/checkpoint.h"
#include "vmm/ops/directory.h"
#include "vmm/ops/host.h"
#include "vmm/ops/session.h"

#define DEFAULT_TRIES 3
#define PAUSE_MS 1000
#define STARTING_MS 60000
#define LOOK_AGAIN_MS 1000

/* The XML to restore with; kept beside the checkpoint for the admin. */
static char *
edited_xml(DrvVirt *virt, const char *file, GError **error)
{
    g_autofree char *text = drv_virt_saved_xml(virt, file, error);
    g_autoptr(DrvXml) xml =
        text ? drv_xml_parse("the checkpoint's XML", text, -1, error) : NULL;
    g_autofree char *copy = g_strconcat(file, ".xml", NULL);
    g_autofree char *edited = NULL;
    g_autoptr(GError) why = NULL;

    if (xml == NULL)
        return NULL;
    kvm_checkpoint_move_paths(xml, file);
    kvm_checkpoint_forget_chains(xml);
    edited = drv_xml_to_text(xml);
    if (!g_file_set_contents_full(
            copy, edited, -1, G_FILE_SET_CONTENTS_NONE, 0600, &why)) {
        (void)drv_throw(error, DRV_ERROR_FAILED, "%s", why->message);
        return NULL;
    }
    return g_steal_pointer(&edited);
}

/* The domain to restore, by name or UUID as the front-end said or as was saved. */
static DrvDomain *
find_restored(DrvVirt *virt,
              const VmmCheckpoint *request,
              const char *xml,
              GError **error)
{
    g_autoptr(DrvXml) saved = NULL;
    g_autofree char *uuid = NULL;

    if (*request->deploy_id)
        return drv_virt_find(virt, request->deploy_id, error);
    saved = drv_xml_parse("the checkpoint's XML", xml, -1, error);
    if (saved == NULL)
        return NULL;
    uuid = drv_xml_text(saved, NULL, "/domain/uuid");
    return drv_virt_find(virt, uuid, error);
}

/* One try; a failure is repeated only while libvirt knows of no such domain. */
static gboolean
restore_once(DrvVirt *virt,
             const VmmCheckpoint *request,
             const char *xml,
             gboolean *again,
             GError **error)
{
    g_autoptr(DrvDomain) domain = NULL;
    g_autoptr(GError) why = NULL;

    if (drv_virt_restore(virt, request->file, xml, error))
        return TRUE;
    domain = find_restored(virt, request, xml, &why);
    *again = domain == NULL && drv_error_is(why, DRV_ERROR_NOT_FOUND);
    return FALSE;
}

static gboolean
restore_file(DrvVirt *virt,
             const VmmCheckpoint *request,
             const char *xml,
             guint tries,
             GError **error)
{
    for (guint i = 1;; i++) {
        g_autoptr(GError) why = NULL;
        gboolean again = FALSE;

        if (restore_once(virt, request, xml, &again, &why))
            return TRUE;
        if (!again || i >= tries || drv_error_is(why, DRV_ERROR_CANCELLED)) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        if (drv_poll(NULL, 0, PAUSE_MS, error) < 0)
            return FALSE;
    }
}

/* A domain that is there already was started by a restore that did not live to see it,
 * was put to sleep by its guest, or was paused without a checkpoint.
 */
static gboolean
wake(DrvDomain *domain, gboolean has_file, gboolean *runs, GError **error)
{
    gint64 end = g_get_monotonic_time() + STARTING_MS * 1000;
    g_autoptr(DrvWatch) watch = drv_watch_new(domain, DRV_EVENT_LIFECYCLE, error);

    while (watch) {
        DrvDomainState state;
        DrvEvent event;

        if (!drv_domain_state(domain, &state, NULL, error))
            return FALSE;
        *runs = state == DRV_STATE_RUNNING;
        if (*runs || !drv_state_is_active(state))
            return TRUE;
        *runs = TRUE;
        if (state == DRV_STATE_SUSPENDED)
            return drv_domain_wakeup(domain, error);
        if (!has_file || g_get_monotonic_time() > end)
            return drv_domain_resume(domain, error);
        if (!drv_watch_next(watch, &event, LOOK_AGAIN_MS, error))
            return FALSE;
    }
    return FALSE;
}

static void
finish(DrvDomain *domain, const VmmCheckpoint *request, const DrvConfig *config)
{
    g_autofree char *directory = g_path_get_dirname(request->file);

    if (vmm_config_bool(config, "SYNC_TIME", FALSE))
        drv_agent_sync_time_later(domain);
    kvm_checkpoint_remove(request->file);
    vmm_snapshots_redefine(domain, directory);
}

static gboolean
start(DrvVirt *virt,
      const VmmCheckpoint *request,
      const DrvConfig *config,
      GError **error)
{
    guint tries = vmm_config_uint(config, "VIRSH_RETRIES", DEFAULT_TRIES);
    g_autofree char *xml = edited_xml(virt, request->file, error);
    g_autoptr(DrvDomain) domain = NULL;

    if (xml == NULL)
        return FALSE;
    vmm_compact_memory(config, FALSE);
    if (!restore_file(virt, request, xml, tries, error))
        return FALSE;
    DRV_CANCEL_SHIELD();
    domain = find_restored(virt, request, xml, error);
    if (domain == NULL)
        return drv_prefix(error, "it was restored but ended at once");
    finish(domain, request, config);
    return TRUE;
}

static gboolean
restore(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const VmmCheckpoint *request = data;
    const char *args[] = { request->file,  request->host, request->deploy_id,
                           request->vm_id, request->host, NULL };
    g_autoptr(DrvConfig) config = vmm_config(error);
    g_autoptr(DrvVirt) virt = config ? vmm_open(config, error) : NULL;
    g_autoptr(DrvDomain) domain = NULL;
    g_autoptr(GError) why = NULL;
    gboolean ran, runs = FALSE;

    (void)in;
    (void)result;
    if (virt == NULL)
        return FALSE;
    if (*request->deploy_id) {
        domain = vmm_find(virt, request, &why);
        if (domain == NULL && !drv_error_is(why, DRV_ERROR_NOT_FOUND)) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
    }
    if (domain &&
        !wake(domain, g_file_test(request->file, G_FILE_TEST_EXISTS), &runs, error))
        return FALSE;
    if (runs) {
        finish(domain, request, config);
        return TRUE;
    }
    return vmm_hook("restore", request->tm_mad, args, request->xml, &ran, error) &&
           start(virt, request, config, error);
}

const DrvOp kvm_restore = { .name = "kvm.restore",
                            .request = &vmm_restore,
                            .run = restore };
