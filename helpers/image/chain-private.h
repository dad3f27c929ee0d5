/* SPDX-License-Identifier: Apache-2.0 */
/* image/chain-private.h - where a file of a datastore is. */
#pragma once

#include <glib.h>

#include "image/chain.h"

typedef struct {
    int fd;           /* of the datastore's directory */
    char *path;       /* of it: "<root>/1" */
    GPtrArray *names; /* below it, owned: "25", "disk.0.snap", "1" */
} DrvChainPlace;
#define DRV_CHAIN_PLACE_INIT                                                             \
    {                                                                                    \
        -1, NULL, NULL                                                                   \
    }

void drv_chain_place_clear(DrvChainPlace *place);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DrvChainPlace, drv_chain_place_clear)

/* Where @path leads.  The last name may be missing; no name is a link. */
gboolean drv_chain_place_find(DrvChainPlace *place,
                              const char *root,
                              const char *path,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Open what is there; -1 on failure. */
int drv_chain_place_open(const DrvChainPlace *place,
                         int flags,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE for an image's place, or that of a snapshot of one. */
gboolean drv_chain_place_is_image(const DrvChainPlace *place);

/* TRUE for the place of a file that is named by a number in a snapshot directory. */
gboolean drv_chain_place_is_numbered(const DrvChainPlace *place);

/* TRUE when both are in the directory of the same VM. */
gboolean drv_chain_place_is_same_vm(const DrvChainPlace *a, const DrvChainPlace *b);
