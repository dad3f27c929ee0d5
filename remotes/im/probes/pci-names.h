/* SPDX-License-Identifier: Apache-2.0 */
/* pci-names.h - names of PCI devices, from the file pci.ids where the host has one. */
#pragma once

#include "im/base/im.h"

typedef struct {
    char *vendor, *device, *class; /* owned; hexadecimal numbers for unknown ones */
} ImPciNames;

void im_pci_names_clear(ImPciNames *names);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ImPciNames, im_pci_names_clear)

void im_pci_names(
    const ImContext *im, guint vendor, guint device, guint class, ImPciNames *names);
