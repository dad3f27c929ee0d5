/* SPDX-License-Identifier: Apache-2.0 */
/* ds.h - what a datastore driver can be asked.
 *
 * Each action is a request type; each driver's driver.c names the op for each action it
 * has.  Source of argv and of the XML paths: storage protocol, sections 1.5, 1.6 and 2.
 */
#pragma once

#include "request/op.h"

/* What all requests begin with. */
#define DS_HEAD                                                                          \
    DrvRequest head;                                                                     \
    char *image_id;  /* for messages, and to choose a bridge */                          \
    char *base_path; /* the datastore's directory; "//" in it is kept in answers */      \
    char **bridges;  /* hosts that do the work; none: this one */

typedef struct {
    DS_HEAD
} DsHead;

/* cp: an image from wherever PATH says. */
typedef struct {
    DS_HEAD
    char *name; /* of the new file, made by the main */
    char *path;
    char *shown;  /* path for messages: without user, password and query */
    char *source; /* clone from another bridge: path there */
    char **safe_dirs;
    char **restricted_dirs;
    guint64 min_rate; /* of a fetch, bytes a second */
    char **ssh_hosts; /* that ssh:// may name */
    char *md5;
    char *sha1;
    char *sha256;
    gboolean no_decompress;
    char *limit_rate;
    gboolean convert;
    char *driver; /* raw, qcow2: wanted format; "" any */
    gboolean sparse;
    gint64 ds_type;
    gint64 image_type;
    guint64 expand_limit_mb; /* of what is decompressed; 0: free space */
    guint64 size_mb;         /* what quotas were charged with; 0: not said */
    gboolean is_unbounded;   /* nobody said how many bytes will come: it was compressed,
                              * or has no length */
    char *s3_access_key;
    char *s3_secret_key;
    char *s3_region;
    char *s3_endpoint;
    gboolean s3_aws;
} DsCp;
extern const DrvRequestType ds_cp;
DRV_REQUEST_AUTOPTR(DsCp)

/* stat: the size of what PATH names. */
extern const DrvRequestType ds_stat; /* a DsCp with fewer fields */

typedef struct {
    DS_HEAD
    char *name; /* of the new file */
    char *format;
    char *fs;
    guint64 size_mb;
    char **supported_fs;
    char **fs_options;
} DsMkfs;
extern const DrvRequestType ds_mkfs;
DRV_REQUEST_AUTOPTR(DsMkfs)

typedef struct {
    DS_HEAD
    char *name;   /* of the new file */
    char *source; /* of the original */
    char *format; /* its format, "" when the front-end does not tell */
    char *driver; /* wanted format, "" the same */
    char **source_bridges;
} DsClone;
extern const DrvRequestType ds_clone;
DRV_REQUEST_AUTOPTR(DsClone)

/* rm, snap_delete, snap_revert, snap_flatten, export: an image that is there. */
typedef struct {
    DS_HEAD
    char *source;
    gint64 snapshot_id;
    char *format;
    guint64 size_mb;
    char *md5;
} DsImage;
extern const DrvRequestType ds_rm;
extern const DrvRequestType ds_snapshot;
extern const DrvRequestType ds_export;
DRV_REQUEST_AUTOPTR(DsImage)

typedef struct {
    DS_HEAD
} DsMonitor;
extern const DrvRequestType ds_monitor;
DRV_REQUEST_AUTOPTR(DsMonitor)

/* On the bridge from which an image is cloned, with a DsClone: result is the path of the
 * file to fetch.
 */
extern const DrvOp ds_newest;

enum { DS_TYPE_FILE = 2 };
enum { DS_IMAGE_CDROM = 1 };

#define DS_SLOT(action, op) DRV_SLOT(action, op)

/* An action's own words. */
typedef struct {
    const DrvRequestType *type;
    const char *subject; /* "remove": "cannot remove image 7: …" */
    /* Fill what the dump does not tell; NULL: nothing. */
    gboolean (*prepare)(gpointer request, DrvDump *dump, GError **error);
    /* The stream for the op; NULL: none. */
    gboolean (*open)(gpointer request, DrvSource **in, GError **error);
    /* What to print for the op's result (may be NULL); NULL: the result as a line if
     * there is one.  Caller frees.
     */
    char *(*answer)(gpointer request, const char *result);
} DsAction;

int ds_main(int argc, char **argv, const DsAction *action);

/* A new file's name: 32 random hexadecimal digits.  Caller frees. */
char *ds_new_name(GError **error);

/* "<base_path>/<name>" as the front-end shall remember it; caller frees. */
char *ds_source_text(const char *base_path, const char *name);
