/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot_create, snapshot_delete, snapshot_revert: of memory and disks together. */
#include <string.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"
#include "request/xml.h"
#include "virt/domain-snapshot.h"
#include "virt/watch.h"
#include "vmm/ops/directory.h"
#include "vmm/ops/job.h"
#include "vmm/ops/session.h"
#include "vmm/vmm.h"

typedef struct {
    VmmSession session;
    DrvDomain *domain; /* the session's */
    char *directory;   /* may be NULL: front-ends before 5.8 */
} Place;

static void
place_clear(Place *place)
{
    vmm_session_clear(&place->session);
    g_clear_pointer(&place->directory, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

static gboolean
place_open(Place *place, const VmmSnapshot *request, GError **error)
{
    if (!vmm_session_open(&place->session, request, error))
        return FALSE;
    place->domain = place->session.domain;
    return vmm_dir(place->domain, place->session.config, &place->directory, error);
}

static gboolean
check_active(DrvDomain *domain, GError **error)
{
    DrvDomainState state;

    if (!drv_domain_state(domain, &state, NULL, error))
        return FALSE;
    return drv_state_is_active(state) ||
           drv_throw(error, DRV_ERROR_VIRT, "the domain has ended");
}

static gboolean
is_known(DrvDomain *domain, const char *name, gboolean *known, GError **error)
{
    g_autofree char *xml = NULL;

    if (!drv_domain_snapshot_xml(domain, name, &xml, error))
        return FALSE;
    *known = xml != NULL;
    return TRUE;
}

/* TRUE and *there when the snapshot is made already.  libvirt knows of one before it is
 * made: one that an earlier action, which was killed, is still making is waited for.
 */
static gboolean
is_made(DrvDomain *domain, const char *name, gboolean *there, GError **error)
{
    g_autoptr(DrvWatch) watch = drv_watch_new(domain, DRV_EVENT_LIFECYCLE, error);

    return watch && vmm_wait_for_job(domain, watch, error) &&
           is_known(domain, name, there, error) &&
           (!*there || (vmm_wait_for_job(domain, watch, error) &&
                        is_known(domain, name, there, error)));
}

static gboolean
create_snapshot(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const VmmSnapshot *request = data;
    g_auto(Place) place = { 0 };
    g_autofree char *name = g_strdup_printf("snap-%s", request->snapshot);
    gboolean there;

    (void)in;
    if (strspn(request->snapshot, "0123456789") != strlen(request->snapshot))
        return drv_throw(
            error, DRV_ERROR_USAGE, "SNAPSHOT: not a number: '%s'", request->snapshot);
    if (!place_open(&place, request, error) ||
        !is_made(place.domain, name, &there, error))
        return FALSE;
    if (there)
        drv_info("%s already exists", name);
    else if (!drv_domain_snapshot_create(place.domain, name, error))
        return FALSE;
    DRV_CANCEL_SHIELD();
    if (!check_active(place.domain, error))
        return FALSE;
    if (place.directory)
        vmm_snapshots_store(place.domain, place.directory, NULL);
    *result = g_steal_pointer(&name);
    return TRUE;
}

static gboolean
delete_snapshot(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const VmmSnapshot *request = data;
    g_auto(Place) place = { 0 };

    (void)in;
    (void)result;
    if (!place_open(&place, request, error) ||
        !drv_domain_snapshot_delete(place.domain, request->snapshot, FALSE, error))
        return FALSE;
    DRV_CANCEL_SHIELD();
    if (place.directory)
        vmm_snapshots_store(place.domain, place.directory, request->snapshot);
    return TRUE;
}

/* libvirt starts QEMU again to go back, and a new one without the CPUs that had been
 * plugged in cannot load the snapshot: the domain would be lost.
 */
static gboolean
check_revertible(DrvDomain *domain, const char *name, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(DrvXml) xml = NULL;

    if (!drv_domain_snapshot_xml(domain, name, &text, error))
        return FALSE;
    if (text == NULL)
        return TRUE; /* whoever asks for it is told */
    xml = drv_xml_parse("the snapshot's XML", text, -1, error);
    if (xml == NULL)
        return FALSE;
    if (drv_xml_has(
            xml, NULL, "//domain/vcpus/vcpu[@enabled='yes' and @hotpluggable='yes']"))
        return drv_throw(error,
                         DRV_ERROR_UNSUPPORTED,
                         "'%s' was made with CPUs that had been plugged in, which QEMU "
                         "cannot go back to",
                         name);
    return TRUE;
}

static gboolean
revert_domain(DrvDomain *domain, const char *name, GError **error)
{
    g_autoptr(GError) why = NULL;
    gboolean risky = FALSE;

    if (drv_domain_snapshot_revert(domain, name, FALSE, &risky, &why))
        return TRUE;
    if (risky) {
        drv_debug("%s", why->message);
        return drv_domain_snapshot_revert(domain, name, TRUE, &risky, error);
    }
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

static gboolean
revert_snapshot(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const VmmSnapshot *request = data;
    g_auto(Place) place = { 0 };
    g_autoptr(GError) dead = NULL;
    gboolean ok;

    (void)in;
    (void)result;
    if (!place_open(&place, request, error) ||
        !check_revertible(place.domain, request->snapshot, error))
        return FALSE;
    ok = revert_domain(place.domain, request->snapshot, error);
    DRV_CANCEL_SHIELD();
    if (!ok && !check_active(place.domain, &dead))
        return drv_prefix(error, "%s", dead->message);
    if (ok && !check_active(place.domain, error))
        return FALSE;
    if (ok && place.directory)
        vmm_snapshots_store(place.domain, place.directory, NULL);
    return ok;
}

const DrvOp kvm_snapshot_create = { .name = "kvm.snapshot_create",
                                    .request = &vmm_snapshot,
                                    .run = create_snapshot };
const DrvOp kvm_snapshot_delete = { .name = "kvm.snapshot_delete",
                                    .request = &vmm_snapshot,
                                    .run = delete_snapshot };
const DrvOp kvm_snapshot_revert = { .name = "kvm.snapshot_revert",
                                    .request = &vmm_snapshot,
                                    .run = revert_snapshot };
