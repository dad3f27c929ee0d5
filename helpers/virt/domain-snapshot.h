/* SPDX-License-Identifier: Apache-2.0 */
/* virt/domain-snapshot.h - snapshots of a domain's memory and disks, inside its images.
 */
#pragma once

#include <glib.h>

#include "virt/virt.h"

/* Make a snapshot of memory and disks named @name, inside the disks' images.  The guest
 * is paused meanwhile.
 */
gboolean drv_domain_snapshot_create(DrvDomain *domain,
                                    const char *name,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Names of all snapshots, parents before children; *current (may be NULL) is the
 * current one, or NULL.  Caller frees both.
 */
gboolean drv_domain_snapshot_list(DrvDomain *domain,
                                  char ***names,
                                  char **current,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* XML of one, with passwords; *xml is NULL when there is no such snapshot. */
gboolean drv_domain_snapshot_xml(DrvDomain *domain,
                                 const char *name,
                                 char **xml,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Delete it; with @metadata_only only libvirt's metadata is removed.  TRUE when there is
 * none. */
gboolean drv_domain_snapshot_delete(DrvDomain *domain,
                                    const char *name,
                                    gboolean metadata_only,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Redefine a snapshot that is in the images from its XML. */
gboolean drv_domain_snapshot_redefine(DrvDomain *domain,
                                      const char *xml,
                                      gboolean current,
                                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Go back to a snapshot.  *risky says that it failed because libvirt would have to start
 * QEMU again, which it does with @force.
 */
gboolean drv_domain_snapshot_revert(DrvDomain *domain,
                                    const char *name,
                                    gboolean force,
                                    gboolean *risky,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;
