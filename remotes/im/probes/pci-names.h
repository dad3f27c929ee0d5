/* SPDX-License-Identifier: Apache-2.0 */
/* pci-names.h - names of PCI devices, from the host's file pci.ids by libpci. */
#pragma once

#include "im/base/im.h"

/* The file, read once. */
typedef struct ImPciIds ImPciIds;

/* Never NULL: a host without the file has no names, and of a damaged one those before the
 * damage count, which is logged.
 */
ImPciIds *im_pci_ids_open(const ImContext *im);
void im_pci_ids_free(ImPciIds *ids);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImPciIds, im_pci_ids_free)

typedef struct {
    char *vendor, *device, *class; /* owned; hexadecimal numbers for unknown ones */
} ImPciNames;

void im_pci_names_clear(ImPciNames *names);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ImPciNames, im_pci_names_clear)

/* @class is its two upper bytes, as in "0302". */
void im_pci_names(
    const ImPciIds *ids, guint vendor, guint device, guint class, ImPciNames *names);
