/* SPDX-License-Identifier: Apache-2.0 */
/* transfer/tree.h - what a transfer consists of: the entries of an offer. */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "transfer/transfer.h"

#define DRV_TREE_MAX_ENTRIES 100000
#define DRV_TREE_MAX_DEPTH 16

typedef enum {
    DRV_ENTRY_DIR = 'd',
    DRV_ENTRY_FILE = 'f',
    DRV_ENTRY_LINK = 'l',
} DrvEntryType;

typedef struct {
    DrvEntryType type;
    char *path;   /* relative, below the target directory */
    char *link;   /* text of a link, else "" */
    guint32 mode; /* permissions */
    guint64 size; /* of a file, bytes */
    gint64 mtime_ns;
    GVariant *xattrs; /* a(say): those that users may set ("user.…") */
    guint root;       /* sender only: which root, and the path below its directory */
    char *source;
} DrvEntry;

typedef struct {
    GPtrArray *entries; /* DrvEntry; directories before what is in them */
    guint64 allocated;  /* bytes on the sender's disk, of all files */
    char *nonce;        /* "" or the sender's, and the directory it is in */
    char *source_dir;
} DrvTree;

void drv_tree_free(DrvTree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvTree, drv_tree_free)

/* Everything below the roots.  Sockets, pipes, devices and stages of others are left out
 * and logged.
 */
DrvTree *drv_tree_read(const DrvSend *send, GError **error);

/* For the wire.  Unpacking refuses paths that would leave the target directory. */
GBytes *drv_tree_pack(const DrvTree *tree);
DrvTree *drv_tree_unpack(GBytes *wire, GError **error);

/* Set permissions without @mask, attributes and time of @path below @dir_fd.
 */
gboolean drv_tree_dress(int dir_fd,
                        const char *where,
                        const DrvEntry *entry,
                        mode_t mask,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
