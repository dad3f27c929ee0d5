/* SPDX-License-Identifier: Apache-2.0 */
/* host.h - what an action does to the host besides libvirt. */
#pragma once

#include "base/config.h"
#include "request/xml.h"

/* Give free memory back in large pieces, as kvmrc says; @stop: after a domain's end, in
 * the background.  Best effort.
 */
void vmm_compact_memory(const DrvConfig *config, gboolean stop);

/* Run a privileged helper of the remotes ("vgpu", "vtpm_setup") through sudo, if it is
 * there.  Failure is returned.
 */
gboolean vmm_helper(const char *name,
                    const char *word,
                    const char *arg,
                    const char *arg2,
                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Give virtual GPUs of the VM's directory back, keep its TPM; logged when they fail. */
void vmm_release_devices(DrvXml *domain, const char *directory);
void vmm_keep_tpm(DrvXml *domain, const char *uuid, const char *directory);

/* Run the admin's hook NAME.TM_MAD beside the action if there is one, with @args (NULL-
 * terminated) and the document on stdin.  *ran says whether there was one.
 */
gboolean vmm_hook(const char *name,
                  const char *tm_mad,
                  const char *const *args,
                  const char *document,
                  gboolean *ran,
                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
