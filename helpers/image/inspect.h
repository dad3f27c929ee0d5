/* SPDX-License-Identifier: Apache-2.0 */
/* image/inspect.h - what an image file is, read from its header by ourselves.
 *
 * Nobody runs a qemu tool on a file that came from outside before its header was looked
 * at here and admitted: a header may name other files for qemu to open.  Only reads, at
 * places that were checked, bounded in size; nothing in a header is believed before it
 * was compared with the file.
 *
 * Parsing and policy are apart.  drv_inspect_fd() says what is there; for an overlay that
 * we made ourselves a backing file is as it should be.  drv_inspect_admit() says whether
 * such a file may come in as an image; drv_inspect_fd() alone refuses only what is
 * broken.
 *
 * A guest can write any header into a raw disk.  So what is known to be raw (the dump or
 * our own file layout say so) is raw, and is not asked about here.
 */
#pragma once

#include <glib.h>

typedef enum {
    DRV_IMAGE_RAW, /* anything that is none of the others; ISO 9660 too */
    DRV_IMAGE_QCOW2,
    DRV_IMAGE_QCOW1,
    DRV_IMAGE_VMDK,
    DRV_IMAGE_VDI,
    DRV_IMAGE_VHD, /* qemu calls it vpc */
    DRV_IMAGE_VHDX,
    DRV_IMAGE_LUKS, /* "raw" to the core */
    DRV_IMAGE_QED,
    DRV_IMAGE_PARALLELS,
    DRV_IMAGE_BOCHS,
    DRV_IMAGE_CLOOP,
    DRV_IMAGE_DMG,
    DRV_IMAGE_FORMAT_LAST
} DrvImageFormat;

typedef struct {
    DrvImageFormat format;
    guint64 file_size;    /* of the file, bytes */
    guint64 virtual_size; /* what a guest sees, bytes; 0: not known.  The header does
                           * not tell (cloop, dmg), or not in what was seen of a stream
                           * (vhdx) */
    guint version;        /* of the format, where it has one (qcow2: 2 or 3) */
    guint64 cluster_size; /* bytes; 0: the format has none */

    char *backing_file; /* as written in the header (escape it for messages); NULL: none.
                         * Also the parent of vmdk, vhd, vhdx, vdi ("" if it has one
                         * whose name is not known) */
    char *backing_format;       /* qcow2: as written; NULL: not written */
    gboolean has_data_file;     /* qcow2: external data file, by bit or by name */
    char *data_file;            /* its name; NULL: not written */
    gboolean names_other_files; /* vmdk descriptor with extents elsewhere */

    guint64 incompatible;         /* qcow2: feature bits as they are */
    guint64 unknown_incompatible; /* those of them that we do not know */
    gboolean dirty;               /* was not closed, or has a log to replay */
    gboolean corrupt;             /* marked as corrupt */
    guint encryption;             /* qcow2: 0 none, 1 AES, 2 LUKS */
    guint n_snapshots;            /* qcow2: internal snapshots */
    gboolean iso;                 /* raw with an ISO 9660 volume */
} DrvImageInfo;

void drv_inspect_info_clear(DrvImageInfo *info);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DrvImageInfo, drv_inspect_info_clear)

/* The name qemu has for it: "raw", "qcow2", "vpc", "luks" … */
const char *drv_inspect_format_name(DrvImageFormat format);

/* The name the core gets: "qcow2" and "vmdk" … as they are, "raw" for LUKS. */
const char *drv_inspect_core_format(DrvImageFormat format);

/* Read the header of @fd (regular file or block device; pread only) to @info, which the
 * caller clears.  @name is for messages only.  DRV_ERROR_REFUSED "'<name>' is not a valid
 * qcow2 image: …" for headers that are truncated, absurd or contradict the file.
 */
gboolean drv_inspect_fd(int fd, const char *name, DrvImageInfo *info, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* The same from the first @size bytes of a stream whose whole size is @total_size
 * (DRV_SOURCE_SIZE_UNKNOWN: not known; then nothing is compared with it).  What needs
 * bytes beyond @size is taken for granted or absent: good enough for stat, never for
 * admission.
 */
gboolean drv_inspect_memory(gconstpointer data,
                            gsize size,
                            guint64 total_size,
                            const char *name,
                            DrvImageInfo *info,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

typedef enum {
    DRV_INSPECT_FOLLOW = 0,
    DRV_INSPECT_NOFOLLOW = 1 << 0, /* a symbolic link is refused */
} DrvInspectFlags;

/* Open @name in @dir_fd (or AT_FDCWD) and read its header.  Never blocks on a FIFO. */
gboolean drv_inspect_file(int dir_fd,
                          const char *name,
                          DrvInspectFlags flags,
                          DrvImageInfo *info,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* May this file come in as an image?  DRV_ERROR_REFUSED, naming @name and the reason,
 * for: a backing file or parent; an external data file (set or just named); a descriptor
 * that names other files; feature bits we do not know; a corrupt mark; qcow2 encryption
 * with AES (broken by design) or LUKS (its secret would be missing wherever it is used:
 * an encrypted image comes as LUKS, not inside qcow2); formats that only come in pieces
 * or read-only tools (bochs, cloop, dmg, qcow1, qed, parallels).  A dirty qcow2 is
 * allowed: a repair at opening touches only itself.
 */
gboolean drv_inspect_admit(const DrvImageInfo *info,
                           const char *name,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
