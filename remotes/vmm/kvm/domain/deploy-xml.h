/* SPDX-License-Identifier: Apache-2.0 */
/* deploy-xml.h - what deploy changes in a domain's XML and makes beside it. */
#pragma once

#include "base/config.h"
#include "request/xml.h"
#include "vmm/vmm.h"

/* What the link @path (".../disk.N") leads to, if it exists; else NULL.  Caller frees. */
char *kvm_link_target(const char *path);

/* Disks that are links ".../disk.N" to something that exists get the link's target as
 * their source: what a driver linked to (a volume, an image) is opened by its own name.
 */
void kvm_resolve_links(DrvXml *domain);

/* The UEFI variables a domain names get their file, from OVMF_NVRAM, in the format that
 * the XML says; one that exists already in that format is left alone.
 */
gboolean kvm_make_nvram(DrvXml *domain,
                        const DrvConfig *config,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The state of a VM's TPM: from the VM's directory, or its template, to where swtpm
 * looks.
 */
gboolean kvm_recover_tpm(DrvXml *domain,
                         const char *directory,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
