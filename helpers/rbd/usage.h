/* SPDX-License-Identifier: Apache-2.0 */
/* rbd/usage.h - what images take of the cluster, as `rbd du` says, from object maps. */
#pragma once

#include "rbd/pool.h"

/* One line "VM_ID<blank>DISK_SIZE=[ID=0,SIZE=12] …" for each VM with disks in the pool:
 * images one-<image>-<vm>-<disk> and one-sys-<vm>-<disk>.  MiB, rounded up.  Caller
 * frees.
 */
char *drv_rbd_usage_vms(DrvRbdPool *pool, GError **error);
