/* SPDX-License-Identifier: Apache-2.0 */
/* resize.h - the CPUs and the memory of a running domain. */
#pragma once

#include "virt/virt.h"
#include "vmm/vmm.h"

#define KIB_PER_MIB 1024

typedef struct {
    guint64 now;    /* as it shall be */
    guint64 before; /* as it was; 0: not told */
} KvmChange;

/* Plug or unplug CPUs until there are @n.  libvirt gives a guest 5 s to release one; here
 * it has VMM_UNPLUG_MS for all of them, as for a device.
 */
gboolean
kvm_set_vcpus(DrvDomain *domain, guint n, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Plug in or out the module that makes the difference, in MiB. */
gboolean kvm_plug_memory(DrvDomain *domain,
                         const KvmChange *change,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
