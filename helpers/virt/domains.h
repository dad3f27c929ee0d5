/* SPDX-License-Identifier: Apache-2.0 */
/* virt/domains.h - which domains there are, and definitions of them.
 *
 * A list is one or two calls of libvirt whatever the number of domains, for drivers that
 * have bulk statistics; for others, two per domain.
 */
#pragma once

#include <glib.h>

#include "virt/virt.h"

typedef struct {
    char *name;
    char uuid[37];
    int number; /* libvirt's id while active, else -1 */
    DrvDomainState state;
    DrvPause pause;
    gboolean persistent; /* libvirt has a definition that outlives it */
} DrvDomainFacts;

void drv_domain_facts_free(DrvDomainFacts *facts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvDomainFacts, drv_domain_facts_free)

/* DrvDomainFacts of all domains, active and not.  NULL with @error: then nothing is known
 * of any.  Caller frees.
 */
GPtrArray *drv_domains_list(DrvVirt *virt, GError **error);

/* The same of the one with this UUID, looked up now; DRV_ERROR_NOT_FOUND only when
 * libvirt says that there is none.  Caller frees.
 */
DrvDomainFacts *drv_domains_look(DrvVirt *virt, const char *uuid, GError **error);

/* TRUE when libvirt's driver sends lifecycle events: registering proves nothing, some
 * drivers accept it and stay silent.
 */
gboolean drv_domains_has_events(DrvVirt *virt);

/* Make or change a definition; start what is defined (flags: DRV_VIRT_PAUSED); forget the
 * definition of a domain, which goes on if it is active.  undefine of what has none is
 * done.
 */
DrvDomain *drv_domains_define(DrvVirt *virt, const char *xml, GError **error);
gboolean drv_domain_start(DrvDomain *domain,
                          unsigned flags,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_domain_undefine(DrvDomain *domain, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Replace the metadata element of namespace @uri (NULL @xml: remove it) in the running
 * domain and, when it has one, in its definition: both, or an error.
 */
gboolean drv_domain_replace_metadata(DrvDomain *domain,
                                     const char *key,
                                     const char *uri,
                                     const char *xml,
                                     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* As drv_virt_restore(), but the guest does not run yet. */
gboolean drv_domains_restore_paused(DrvVirt *virt,
                                    const char *file,
                                    const char *xml,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* How far a save, restore or migration is: bytes done and in all; both 0 when there is
 * none or libvirt does not know.
 */
gboolean drv_domain_job_bytes(DrvDomain *domain,
                              guint64 *done,
                              guint64 *total,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

typedef struct {
    char model[33];                    /* of the CPU, libvirt's word */
    guint64 memory_kib, available_kib; /* available: free or a cache; 0: not known */
    guint cpus, mhz, nodes, sockets, cores, threads;
    gulong version, library; /* of the hypervisor and of libvirt, 1000000*a + 1000*b + c;
                                0: not known */
    char *type;              /* of the driver: "QEMU"; caller frees with the rest */
} DrvHostFacts;

gboolean drv_host_facts(DrvVirt *virt,
                        DrvHostFacts *facts,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
void drv_host_facts_clear(DrvHostFacts *facts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DrvHostFacts, drv_host_facts_clear)
