/* SPDX-License-Identifier: Apache-2.0 */
/* nic-xml.h - a network interface or PCI device of the front-end's document as libvirt's
 * device, and finding it again in a running domain.
 */
#pragma once

#include "base/config.h"
#include "request/xml.h"
#include "vmm/vmm.h"

typedef struct {
    DrvXml *document; /* the action's */
    DrvNode *device;  /* NIC or PCI in it; NULL: argv is all we know */
    gboolean is_pci;
    DrvXml *live; /* the running domain's XML */
    const DrvConfig *config;
    const VmmNic *request;
} KvmNicFacts;

/* NIC or PCI with ATTACH=YES. */
void kvm_nic_find(KvmNicFacts *facts);

/* The device's XML; caller frees.  NULL with DRV_ERROR_DUMP. */
char *kvm_nic_xml(const KvmNicFacts *facts, GError **error);
char *kvm_pci_xml(const KvmNicFacts *facts, GError **error);

/* The same device in @domain; @facts is a KvmNicFacts. */
DrvNode *kvm_nic_in_domain(DrvXml *domain, gconstpointer facts);

/* A value of the device, or NULL; caller frees. */
char *kvm_nic_value(const KvmNicFacts *facts, const char *name);
