/* SPDX-License-Identifier: Apache-2.0 */
/* virt/virt.h - domains of libvirt: connection, look-up, state, change.
 *
 *     g_autoptr(DrvVirt) virt = drv_virt_open(NULL, error);
 *     g_autoptr(DrvDomain) domain = virt ? drv_virt_find(virt, "one-42", error) : NULL;
 *
 * Only helpers/virt talks to libvirt, this header's neighbours for all but what is here.
 *
 * Nothing here waits for ever.  Every call of libvirt is made in a thread of its own and
 * waited for under cancellation and a deadline: VIRT_TIMEOUT seconds (one-native.conf,
 * default 60) for what should be quick.  Calls that take as long as they take (save,
 * restore, migrate) have no deadline, but a libvirtd that stops answering is noticed by
 * keep-alive messages within 20 s.  A connection that did not answer in time is not used
 * again: further calls on it fail immediately.  When told to stop, a job of libvirt is
 * aborted, and any other call gets CANCEL_GRACE (5 s) to end before it is left alone.
 *
 * Errors of all functions: DRV_ERROR_NOT_FOUND means that libvirt said "no such domain"
 * (VIR_ERR_NO_DOMAIN) and nothing else; a libvirtd that is down or hangs is
 * DRV_ERROR_VIRT or DRV_ERROR_TIMEOUT; DRV_ERROR_BUSY is another job on the domain or
 * disk; DRV_ERROR_UNSUPPORTED, _PERMISSION, _NO_SPACE as named; DRV_ERROR_CANCELLED.
 */
#pragma once

#include <glib.h>

#include "virt/state.h"

typedef struct DrvVirt DrvVirt;
typedef struct DrvDomain DrvDomain;

/* Connect to @uri; NULL: LIBVIRT_URI of the remotes' etc/vmm/kvm/kvmrc, or without that
 * qemu:///system.  DRV_ERROR_VIRT when libvirtd is not there.
 */
DrvVirt *drv_virt_open(const char *uri, GError **error);
void drv_virt_close(DrvVirt *virt);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvVirt, drv_virt_close)

/* TRUE when it cannot be used any more: lost, or a call on it did not come back. */
gboolean drv_virt_is_lost(const DrvVirt *virt);

/* URI the connection was opened with; owned by it. */
const char *drv_virt_uri(const DrvVirt *virt);

/* Find a domain by UUID, name or (digits only) number, as virsh does. */
DrvDomain *drv_virt_find(DrvVirt *virt, const char *id, GError **error);
void drv_domain_free(DrvDomain *domain);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvDomain, drv_domain_free)

/* What it was found by, for messages; and its UUID.  Owned by @domain. */
const char *drv_domain_id(const DrvDomain *domain);
const char *drv_domain_uuid(const DrvDomain *domain);
const char *drv_domain_name(const DrvDomain *domain);

/* Start a domain that libvirt forgets when it ends (DRV_VIRT_PAUSED: do not let it run).
 */
enum { DRV_VIRT_PAUSED = 1 << 0 };
DrvDomain *
drv_virt_create(DrvVirt *virt, const char *xml, unsigned flags, GError **error);

/* The state now.  @pause (may be NULL) gets why it is paused. */
gboolean drv_domain_state(DrvDomain *domain,
                          DrvDomainState *state,
                          DrvPause *pause,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* XML of the running domain, with (@secure) or without its passwords; caller frees. */
char *drv_domain_xml(DrvDomain *domain, gboolean secure, GError **error);

/* XML for another host's libvirt, with passwords; caller frees. */
char *drv_domain_migratable_xml(DrvDomain *domain, GError **error);

/* Requests to the domain or about it; the names say which.  shutdown and reboot only ask
 * the guest.  destroy counts a domain that is no longer active as done.
 */
gboolean drv_domain_shutdown(DrvDomain *domain, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_domain_reboot(DrvDomain *domain, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_domain_reset(DrvDomain *domain, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_domain_destroy(DrvDomain *domain, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_domain_suspend(DrvDomain *domain, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_domain_resume(DrvDomain *domain, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_domain_wakeup(DrvDomain *domain, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Write memory and state to @file, which libvirtd's user makes; the domain ends.  A stop
 * aborts it and the guest continues.
 */
gboolean drv_domain_save(DrvDomain *domain,
                         const char *file,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* TRUE and *active while a save, migration or the like is at work on the domain, whoever
 * began it.
 */
gboolean drv_domain_job(DrvDomain *domain,
                        gboolean *active,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Wait, up to libvirt's own 30 s, until no job keeps others away: a snapshot does, which
 * drv_domain_job() does not see.  *idle FALSE: there still is one.
 */
gboolean drv_domain_idle(DrvDomain *domain,
                         gboolean *idle,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The XML in a file of save, with passwords; caller frees. */
char *drv_virt_saved_xml(DrvVirt *virt, const char *file, GError **error);
/* Start from @file with @xml in place of what is in it. */
gboolean drv_virt_restore(DrvVirt *virt,
                          const char *file,
                          const char *xml,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Devices of the running domain, as XML.  detach only asks the guest: see
 * virt/watch.h.  DRV_ERROR_NOT_FOUND never means the device; *missing does.
 */
gboolean drv_domain_attach(DrvDomain *domain,
                           const char *xml,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_domain_detach(DrvDomain *domain,
                           const char *xml,
                           gboolean *missing,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Change a device (a CD); @force opens a locked tray. */
gboolean drv_domain_update(DrvDomain *domain,
                           const char *xml,
                           gboolean force,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

gboolean drv_domain_set_memory(DrvDomain *domain,
                               guint64 kib,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_domain_set_vcpus(DrvDomain *domain,
                              guint n,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Let VCPU @vcpu of an active domain run on those @n host CPUs only, from now on. */
gboolean drv_domain_pin(DrvDomain *domain,
                        guint vcpu,
                        const guint *cpus,
                        gsize n,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The most memory that it may have. */
gboolean drv_domain_max_memory(DrvDomain *domain,
                               guint64 *kib,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The element of our metadata with this namespace, or *xml NULL; caller frees. */
gboolean drv_domain_metadata(DrvDomain *domain,
                             const char *uri,
                             char **xml,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_domain_set_metadata(DrvDomain *domain,
                                 const char *key,
                                 const char *uri,
                                 const char *xml,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
