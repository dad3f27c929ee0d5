/* SPDX-License-Identifier: Apache-2.0 */
/* virt/block.h - what QEMU does to the disks of a running domain.
 *
 * Disks are named by target ("vda").  A function that starts a job waits for its end by
 * libvirt's events; on cancellation it aborts the job first, and the disk is as before.
 * Where another block job has the disk, it is waited for up to 15 s, then DRV_ERROR_BUSY.
 */
#pragma once

#include <glib.h>

#include "virt/virt.h"

/* From now on @target writes to the existing qcow2 file @file, whose backing file is what
 * the disk wrote to until now; other disks stay as they are, and libvirt remembers
 * nothing of it.  All or nothing.  @name is for libvirt's log.
 */
gboolean drv_block_snapshot(DrvDomain *domain,
                            const char *target,
                            const char *file,
                            const char *name,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Bytes done and to do, about once a second. */
typedef void (*DrvBlockProgress)(guint64 done, guint64 all, gpointer data);

typedef struct {
    const char *target;
    const char *file;          /* absolute; exists already when @reuse */
    const char *format;        /* of @file: "qcow2", "raw" */
    gboolean block;            /* @file is a block device */
    gboolean reuse;            /* write into the existing @file (has the right size) */
    gboolean shallow;          /* only the top file; @file has the backing file already */
    gboolean pivot;            /* switch the domain to @file */
    guint quiet_s;             /* not 0: freeze the guest (virt/freeze.h) for the moment
                                * that @file will hold; the agent gets so many seconds */
    DrvBlockProgress progress; /* may be NULL */
    gpointer data;
} DrvBlockCopy;

/* Copy a disk while the guest runs.  Without pivot @file holds the disk as it was at one
 * moment near the end.  On failure what is in @file is worthless; removing it is up to
 * the caller.
 */
gboolean drv_block_copy(DrvDomain *domain,
                        const DrvBlockCopy *copy,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same in two steps, for several disks at one moment: begin returns when the copy has
 * caught up, end finishes (or pivots), abort gives up.
 */
gboolean drv_block_copy_begin(DrvDomain *domain,
                              const DrvBlockCopy *copy,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_block_copy_end(DrvDomain *domain,
                            const DrvBlockCopy *copy,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
void drv_block_copy_abort(DrvDomain *domain, const DrvBlockCopy *copy);

/* Write what is in the files above @base, up to and with @top, into @base, and take them
 * out of the chain.  @relative: the header that names @base from then on does so relative
 * to its own directory, as the files above did; else by the name libvirt has for @base,
 * which may be a link that leads elsewhere by now.  @top NULL: the file the disk writes
 * to, and then the disk writes to
 * @base.  @base NULL: the lowest file.  The files themselves stay.
 */
gboolean drv_block_commit(DrvDomain *domain,
                          const char *target,
                          const char *top,
                          const char *base,
                          gboolean relative,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Bring what is in the files between the disk's own and @base into the disk's own, so
 * that @base is right below it; @base NULL: everything, nothing is below.  @relative as
 * in drv_block_commit().
 */
gboolean drv_block_pull(DrvDomain *domain,
                        const char *target,
                        const char *base,
                        gboolean relative,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Tell the guest that the disk has @size bytes, growing it where QEMU can. */
gboolean drv_block_resize(DrvDomain *domain,
                          const char *target,
                          guint64 size,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
