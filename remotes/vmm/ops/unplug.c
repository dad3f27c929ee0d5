/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/ops/unplug.h"

#include <string.h>

#include "base/error.h"
#include "virt/watch.h"
#include "vmm/ops/session.h"

#define LOOK_AGAIN_MS 2000

static gboolean
is_there(DrvDomain *domain,
         VmmFindDevice find,
         gconstpointer data,
         gboolean *there,
         GError **error)
{
    g_autoptr(DrvXml) xml = vmm_domain_xml(domain, error);

    if (xml == NULL)
        return FALSE;
    *there = find(xml, data) != NULL;
    return TRUE;
}

/* Only the XML of the running domain says that it is gone; events say when to look. */
static gboolean
wait_for_guest(DrvDomain *domain,
               DrvWatch *watch,
               const char *alias,
               VmmFindDevice find,
               gconstpointer data,
               GError **error)
{
    gint64 end = g_get_monotonic_time() + VMM_UNPLUG_MS * 1000;
    gboolean there, refused = FALSE;
    DrvEvent event;

    for (;;) {
        if (!is_there(domain, find, data, &there, error))
            return FALSE;
        if (!there)
            return TRUE;
        if (refused)
            return drv_throw(error, DRV_ERROR_BUSY, "the guest refused to release it");
        if (g_get_monotonic_time() > end)
            return drv_throw(
                error,
                DRV_ERROR_BUSY,
                "the guest did not release it within %d s, it is still in use",
                VMM_UNPLUG_MS / 1000);
        if (!drv_watch_next(watch, &event, LOOK_AGAIN_MS, error))
            return FALSE;
        refused = event.kind == DRV_EVENT_NOT_REMOVED && strcmp(event.name, alias) == 0;
    }
}

gboolean
vmm_unplug(DrvDomain *domain, VmmFindDevice find, gconstpointer data, GError **error)
{
    g_autoptr(DrvXml) xml = vmm_domain_xml(domain, error);
    DrvNode *device = xml ? find(xml, data) : NULL;
    g_autofree char *alias = NULL;
    g_autofree char *text = NULL;
    g_autoptr(DrvWatch) watch = NULL;
    gboolean missing = FALSE;

    if (device == NULL)
        return xml != NULL;
    alias = drv_xml_text(xml, device, "alias/@name");
    text = drv_xml_node_to_text(device);
    watch = drv_watch_new(domain, DRV_EVENT_REMOVED | DRV_EVENT_NOT_REMOVED, error);
    if (watch == NULL || !drv_domain_detach(domain, text, &missing, error))
        return FALSE;
    return missing || wait_for_guest(domain, watch, alias, find, data, error);
}
