/* SPDX-License-Identifier: Apache-2.0 */
/* job.h - jobs of libvirt on a domain that an earlier action began. */
#pragma once

#include "virt/watch.h"

/* Our death does not stop libvirtd: wait until what an earlier action began on the domain
 * has come to its end.  @watch counts DRV_EVENT_LIFECYCLE.
 */
gboolean vmm_wait_for_job(DrvDomain *domain,
                          DrvWatch *watch,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
