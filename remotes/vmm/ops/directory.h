/* SPDX-License-Identifier: Apache-2.0 */
/* directory.h - the VM's directory in its system datastore, and the snapshots kept there.
 */
#pragma once

#include "base/config.h"
#include "virt/virt.h"

#define VMM_METADATA_URI "http://opennebula.org/xmlns/libvirt/1.0"

/* From the running domain's metadata; *directory NULL when it has none. */
gboolean vmm_dir(DrvDomain *domain,
                 const DrvConfig *config,
                 char **directory,
                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Snapshots outlive libvirt's memory of them as snap-N.xml in the VM's directory: tell
 * libvirt of them; write what libvirt knows there, without the one that is @gone (or
 * NULL). Failures are logged.
 */
void vmm_snapshots_redefine(DrvDomain *domain, const char *directory);
void vmm_snapshots_store(DrvDomain *domain, const char *directory, const char *gone);
