/* SPDX-License-Identifier: Apache-2.0 */
/* ceph, actions with the suffix ".ssh": images in a pool, disks as files on the hosts'
 * own storage.
 */
#include "tm/tm.h"

TM_SLOT(clone, ceph_ssh_clone);
TM_SLOT(ln, ceph_ssh_clone);
TM_SLOT(mvds, ceph_ssh_mvds);
TM_SLOT(cpds, ceph_ssh_cpds);

#include "tm/qcow2/driver-ssh.c"
