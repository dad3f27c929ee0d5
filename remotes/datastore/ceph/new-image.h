/* SPDX-License-Identifier: Apache-2.0 */
/* new-image.h - image "one-<id>" of a datastore while it is being made: gone again unless
 * it is finished, whatever happens.
 */
#pragma once

#include "rbd/image.h"
#include "rbd/step.h"

typedef struct {
    DrvRbdPool *pool;
    DrvRbdStep *step;
    char *name;
} CephNew;
#define CEPH_NEW_INIT                                                                    \
    {                                                                                    \
        NULL, NULL, NULL                                                                 \
    }

void ceph_new_clear(CephNew *new);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CephNew, ceph_new_clear)

/* Connect, and make sure that nobody has the name: DRV_ERROR_EXISTS. */
gboolean ceph_new_begin(CephNew *new,
                        const DrvRbdSite *site,
                        const char *image_id,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Make it, empty, of @size bytes; NULL with @error. */
DrvRbdImage ceph_new_create(CephNew *new, guint64 size, GError **error);

/* It is whole, and stays if the answer gets out (base/answer.h); *result is what the
 * front-end calls it, with @format behind if not NULL.  Empties @new.
 */
gboolean ceph_new_finish(CephNew *new, const char *format, char **result, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
