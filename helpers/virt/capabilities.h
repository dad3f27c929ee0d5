/* SPDX-License-Identifier: Apache-2.0 */
/* virt/capabilities.h - what libvirt can do here. */
#pragma once

#include "virt/virt.h"

/* What libvirt can do here, as XML; of the host, and of guests of @type ("kvm", "qemu").
 * Caller frees.
 */
char *drv_capabilities_host(DrvVirt *virt, GError **error);
char *drv_capabilities_guest(DrvVirt *virt, const char *type, GError **error);
/* @cpu (an element <cpu>) with all its features spelt out.  Caller frees. */
char *drv_capabilities_expand_cpu(DrvVirt *virt,
                                  const char *type,
                                  const char *cpu,
                                  GError **error);
