/* SPDX-License-Identifier: Apache-2.0 */
/* session.h - what an op opens: settings, libvirt, the domain, the document. */
#pragma once

#include "base/config.h"
#include "request/xml.h"
#include "virt/virt.h"
#include "vmm/vmm.h"

/* kvmrc: etc/vmm/kvm/kvmrc of the remotes, or kvmrc beside the action (before 5.6). */
DrvConfig *vmm_config(GError **error);

/* TRUE when @name of kvmrc is yes; when it is not understood, a warning and @fallback. */
gboolean vmm_config_bool(const DrvConfig *config, const char *name, gboolean fallback);
/* The number in @name, the same. */
guint vmm_config_uint(const DrvConfig *config, const char *name, guint fallback);

/* Connect as LIBVIRT_URI says, and find the domain of @request (any of VMM_HEAD).
 * DRV_ERROR_NOT_FOUND when libvirt knows no such domain.
 */
DrvVirt *vmm_open(const DrvConfig *config, GError **error);
DrvDomain *vmm_find(DrvVirt *virt, gconstpointer request, GError **error);

/* All three of them, for an op that needs the domain to be there.  Start with { 0 }; what
 * is in it is the session's.
 */
typedef struct {
    DrvConfig *config;
    DrvVirt *virt;
    DrvDomain *domain;
} VmmSession;

gboolean vmm_session_open(VmmSession *session,
                          gconstpointer request,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The same for a domain's name or UUID. */
gboolean vmm_session_open_named(VmmSession *session,
                                const char *id,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
void vmm_session_clear(VmmSession *session);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VmmSession, vmm_session_clear)

/* A request's document; an empty one when it had none.  NULL with DRV_ERROR_DUMP. */
DrvXml *vmm_document(gconstpointer request, GError **error);

/* Read the running domain's XML. */
DrvXml *vmm_domain_xml(DrvDomain *domain, GError **error);
