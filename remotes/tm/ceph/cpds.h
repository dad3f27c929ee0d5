/* SPDX-License-Identifier: Apache-2.0 */
/* cpds.h - the two parts of saving a running VM's disk: the first while the guest is
 * quiet, the second while it goes on.  Ops of worker-rbd, asked for by worker-virt.
 */
#pragma once

#include "tm/ceph/ceph.h"

#define CEPH_CPDS_MARK "ceph.tm.cpds_mark"
#define CEPH_CPDS_COPY "ceph.tm.cpds_copy"

/* Copy the disk, or with @moment that snapshot of it. */
gboolean ceph_cpds_run(const CephStore *request,
                       const char *moment,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
