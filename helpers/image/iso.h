/* SPDX-License-Identifier: Apache-2.0 */
/* image/iso.h - a small ISO 9660 image with Rock Ridge and Joliet names, by libarchive.
 */
#pragma once

#include <glib.h>

typedef struct DrvIso DrvIso;

/* Begin an image with volume id @label, written to @fd (stays the caller's). */
DrvIso *drv_iso_new(int fd, const char *label, GError **error);
void drv_iso_free(DrvIso *iso);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvIso, drv_iso_free)

/* Add the file or, with all below it, the directory @path as @name in the image's root.
 * Links are followed, as a copy by content would.  DRV_ERROR_REFUSED for more than seven
 * directories in each other.
 */
gboolean drv_iso_add(DrvIso *iso, const char *path, const char *name, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Write the image out. */
gboolean drv_iso_finish(DrvIso *iso, GError **error) G_GNUC_WARN_UNUSED_RESULT;
