/* SPDX-License-Identifier: Apache-2.0 */
/* disk.h - the image that a disk is, with a connection to its pool. */
#pragma once

#include "rbd/pool.h"
#include "tm/ceph/ceph.h"

typedef struct {
    DrvRbdPool *pool;
    char *image; /* of the disk */
    char *base;  /* image that it was cloned from; NULL: from none */
} CephDiskImage;
#define CEPH_DISK_IMAGE_INIT                                                             \
    {                                                                                    \
        NULL, NULL, NULL                                                                 \
    }

void ceph_disk_image_clear(CephDiskImage *image);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CephDiskImage, ceph_disk_image_clear)

/* @head and @disk are those of one request. */
gboolean ceph_disk_image_open(CephDiskImage *image,
                              const TmHead *head,
                              const CephDisk *disk,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Snapshots are of RBD disks only: DRV_ERROR_UNSUPPORTED. */
gboolean ceph_disk_check_type(const CephDisk *disk,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
