/* SPDX-License-Identifier: Apache-2.0 */
/* pci.h - parts of what is reported of a PCI device. */
#pragma once

#include "im/base/im.h"

#define IM_PCI_DEVICES "/sys/bus/pci/devices"

/* KEY = "value", within PCI = [ … ] */
void im_pci_field(GString *out, const char *key, const char *value);
/* SRIOV and IFNAME; UUID, PROFILES and MDEV_MODE where virtual GPUs can be made. */
void
im_pci_functions(const ImContext *im, const char *address, guint vendor, GString *out);
