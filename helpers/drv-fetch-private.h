/* SPDX-License-Identifier: Apache-2.0 */
/* drv-fetch-private.h - between the files of drv-fetch. */
#ifndef DRV_ALLOW_PRIVATE
#error "drv-fetch-private.h is for drv-fetch*.c and tests only"
#endif
#pragma once

#include "drv-fetch.h"

#define DRV_FETCH_BLOCK ((gsize)1024 * 1024)

/* An object that is read by GET. */
typedef struct {
    char *url;  /* owned, may hold secrets */
    char *name; /* owned, for messages */
    /* More header lines, made anew for every try; NULL: none.  Caller frees. */
    GStrv (*headers)(gpointer data);
    gpointer data;
    GDestroyNotify free_data;
    gboolean follow; /* redirects */
} DrvHttpTarget;

void drv_http_target_clear(DrvHttpTarget *target);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DrvHttpTarget, drv_http_target_clear)

/* Open @target, whose content is taken over also on failure. */
DrvSource *drv_fetch_open_http(DrvHttpTarget *target,
                               const DrvFetchRequest *request,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
DrvSource *drv_fetch_open_ssh(const DrvFetchRequest *request,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Fill @target from an s3 URL and its keys. */
gboolean drv_fetch_s3_target(const char *url,
                             const DrvFetchS3 *s3,
                             DrvHttpTarget *target,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The header lines that sign a GET of https://@host@path at @time (UTC seconds). */
GStrv drv_fetch_s3_sign(const DrvFetchS3 *s3,
                        const char *region,
                        const char *host,
                        const char *path,
                        gint64 time);

/* Split "ssh://[user@]host:path" or "ssh://[user@]host/path". */
gboolean drv_fetch_split_ssh(const char *url, char **host, char **path, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
