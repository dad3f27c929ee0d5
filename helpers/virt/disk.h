/* SPDX-License-Identifier: Apache-2.0 */
/* virt/disk.h - the disks of a running domain. */
#pragma once

#include <glib.h>

#include "virt/virt.h"

typedef struct {
    char *target; /* "vda" */
    char *device; /* "disk", "cdrom", "floppy", "lun" */
    char *type;   /* of the source: "file", "block", "network" … */
    char *source; /* path or network name as libvirt has it; "" for an empty drive */
    char *format; /* of the driver element; "raw" when not given */
    gboolean readonly;
} DrvDisk;

void drv_disk_free(DrvDisk *disk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvDisk, drv_disk_free)

/* All disks in the order of the XML, elements owned by the array; NULL with @error. */
GPtrArray *drv_disk_list(DrvDomain *domain, GError **error);

/* The disk with this target; NULL and DRV_ERROR_FAILED when the domain has none. */
DrvDisk *drv_disk_find(DrvDomain *domain, const char *target, GError **error);

/* What libvirt calls the file that is @depth files below the one disk @target writes to
 * ("vda[2]").  By depth, since its paths say little: a disk that was started by a link is
 * known by that link, wherever that leads now.  @file (may be NULL) gets the path that
 * libvirt has for it.  NULL and DRV_ERROR_FAILED when the running chain is shorter.
 * Caller frees both.
 */
char *drv_disk_chain_name(
    DrvDomain *domain, const char *target, guint depth, char **file, GError **error);
