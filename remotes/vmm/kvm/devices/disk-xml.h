/* SPDX-License-Identifier: Apache-2.0 */
/* disk-xml.h - a disk of the front-end's document as libvirt's <disk>. */
#pragma once

#include "base/config.h"
#include "request/xml.h"
#include "vmm/vmm.h"

typedef struct {
    DrvXml *document; /* the action's */
    DrvNode *disk;    /* DISK in it */
    DrvXml *live;     /* the running domain; may be NULL */
    const DrvConfig *config;
    const char *path;   /* of the disk on this host */
    const char *target; /* vda … */
    const char *vm_id;
    guint iothreads; /* the domain has */
} KvmDiskFacts;

/* The device's XML; caller frees. */
char *kvm_disk_xml(const KvmDiskFacts *facts);

/* Its parts. */
void kvm_disk_source(const KvmDiskFacts *facts, DrvNode *device);
void kvm_disk_iotune(const KvmDiskFacts *facts, DrvNode *device);
void kvm_disk_target(const KvmDiskFacts *facts, DrvNode *device);
void kvm_disk_address(const KvmDiskFacts *facts, DrvNode *device);

/* FALSE with DRV_ERROR_UNSUPPORTED for a disk whose bus, as deployment files have it, is
 * one that only a VM that is off can get disks on: SATA, IDE.
 */
gboolean kvm_disk_can_plug(const KvmDiskFacts *facts,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

gboolean kvm_disk_is_cdrom(const KvmDiskFacts *facts);
/* A value of DISK, or NULL; caller frees. */
char *kvm_disk_value(const KvmDiskFacts *facts, const char *name);
/* TRUE when it is "yes". */
gboolean kvm_disk_is_yes(const KvmDiskFacts *facts, const char *name);
/* A value of DISK, else kvmrc's DEFAULT_ATTACH_@name, else NULL; caller frees. */
char *kvm_disk_setting(const KvmDiskFacts *facts, const char *name);
