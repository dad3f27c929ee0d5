/* SPDX-License-Identifier: Apache-2.0 */
/* tm-dir.h - the directory of a VM in a system datastore, and a disk in it.
 *
 * Layout: storage protocol, section 3.1.  The datastore's own directory may be a link;
 * the VM's directory and what is in it are never reached through one, except disk.N
 * itself, which is read as text.
 */
#pragma once

#include <glib.h>

/* An open VM directory. */
typedef struct {
    int ds_fd;     /* the system datastore's */
    int fd;        /* the VM's */
    char *ds_path; /* "/var/lib/one/datastores/101" */
    char *path;    /* "/var/lib/one/datastores/101/25" */
    char *vm;      /* "25" */
    char *disk;    /* "disk.0": last component of the target */
    gboolean made; /* by us; it is removed again when this is cleared, if it is empty */
} TmDir;
#define TM_DIR_INIT                                                                      \
    {                                                                                    \
        -1, -1, NULL, NULL, NULL, NULL, FALSE                                            \
    }

void tm_dir_clear(TmDir *dir);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TmDir, tm_dir_clear)

/* Open the directory of @target ("…/101/25/disk.0"); with @create it is made if missing,
 * and goes again unless tm_dir_keep() is called.  Declare @dir before the stage in it,
 * which is then gone by that time.
 */
gboolean tm_dir_open(TmDir *dir, const char *target, gboolean create, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* The work in it is done: it stays, although we made it.  Always TRUE, for the end of an
 * op. */
gboolean tm_dir_keep(TmDir *dir);

/* Where an image is on this host: last two components of @source below the directory that
 * holds the datastores of @dir, so that hosts may mount them elsewhere.  Caller frees.
 */
char *tm_dir_image_path(const TmDir *dir, const char *source);

/* Disks on the host's own storage are seen by its probe only: make ".monitor" in the
 * system datastore @ds_path, and that directory if it is missing.
 */
gboolean tm_dir_monitor(const char *ds_path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Shared storage needs no probe on the host: remove the system datastore's ".monitor". */
gboolean tm_dir_unmonitor(TmDir *dir, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Where a disk's data is. */
typedef enum {
    TM_DISK_MISSING,
    TM_DISK_PLAIN,      /* a file: raw copy, or volatile */
    TM_DISK_IMAGE,      /* a link to an image: raw persistent, CDROM */
    TM_DISK_CHAIN,      /* a link into disk.N.snap */
    TM_DISK_PERSISTENT, /* a link into SOURCE.snap */
    TM_DISK_OTHER,      /* anything else */
} TmDiskKind;

typedef struct {
    TmDiskKind kind;
    char *link;  /* text of disk.N, "" when it is not a link */
    char *root;  /* the directory that holds the datastores */
    char *base;  /* path of the directory that holds data and snapshots: the VM's, or the
                  * image datastore's */
    int base_fd; /* its descriptor */
    char *file;  /* data file below base: "disk.0", "disk.0.snap/1", "<hash>.snap/2" */
    char *snap_dir;  /* below base: "disk.0.snap" or "<hash>.snap" */
    char *link_head; /* what link texts and backing texts of this disk begin with:
                      * "disk.0.snap/" or "/…/<hash>.snap/" */
} TmDisk;
#define TM_DISK_INIT                                                                     \
    {                                                                                    \
        TM_DISK_MISSING, NULL, NULL, NULL, -1, NULL, NULL, NULL                          \
    }

void tm_disk_clear(TmDisk *disk);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TmDisk, tm_disk_clear)

/* See what @dir's disk is. */
gboolean
tm_disk_look(TmDisk *disk, const TmDir *dir, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* File (below disk->base) that holds snapshot @id: "<snap_dir>/<id>", or without that
 * what "<snap_dir>/<id>.current" names.  Caller frees.
 */
char *tm_disk_snapshot_file(const TmDisk *disk, guint64 id);

/* FALSE when there is no snapshot @id (any more): its file is missing, or holds another
 * snapshot since @id was deleted, which that one's note says.
 */
gboolean tm_disk_has_snapshot(const TmDisk *disk, guint64 id);

/* Highest number of a file in the snapshot directory, -1 when there is none. */
gint64 tm_disk_highest(const TmDisk *disk);
