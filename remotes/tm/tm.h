/* SPDX-License-Identifier: Apache-2.0 */
/* tm.h - what a transfer manager driver can be asked.
 *
 * Each action is a request type; each driver's driver.c names the op for each action it
 * has.  Source of argv and of the XML paths: storage protocol, sections 1.9 and 1.11.
 */
#pragma once

#include "request/op.h"

/* What all requests begin with: where the work is. */
#define TM_HEAD                                                                          \
    DrvRequest head;                                                                     \
    char *host;     /* where the op runs; "" is here */                                  \
    char *target;   /* SYSDIR/disk.N, or SYSDIR */                                       \
    gint64 disk_id; /* N; -1 when the target is another file */                          \
    guint64 vm_id;

typedef struct {
    TM_HEAD
} TmHead;

/* clone, ln: make an image of a datastore the disk of a VM. */
typedef struct {
    TM_HEAD
    char *source;             /* path of the image in its datastore */
    char *image_id;           /* for messages; "" for kernels and initrds */
    char *format;             /* raw, qcow2; "" from front-ends before 6.0 */
    char *disk_type;          /* FILE, CDROM … */
    guint64 size_mb;          /* as the VM shall see it; 0: as the image */
    guint64 original_size_mb; /* of the image */
    gboolean standalone;      /* QCOW2_STANDALONE: a full copy, no overlay */
    gboolean sparse;          /* NO: preallocate */
    char *qcow2_options;      /* more options for qemu-img create */
    char *content;            /* name of the image in stores (tm/ssh); "": not there */
    guint64 allocated;        /* bytes on disk of an image that has one */
} TmClone;
extern const DrvRequestType tm_clone;
DRV_REQUEST_AUTOPTR(TmClone)

/* mv: a disk, or the whole directory of a VM, from one host and datastore to another. */
typedef struct {
    TM_HEAD /* of the destination */
        char *source_host;
    char *source;      /* SYSDIR/disk.N or SYSDIR */
    gboolean copy;     /* the source stays */
    gboolean unprobed; /* the destination needs no probe of the disks: no ".monitor" */
} TmMove;
extern const DrvRequestType tm_mv;
DRV_REQUEST_AUTOPTR(TmMove)

/* mvds, cpds: a disk back into a datastore, as image. */
typedef struct {
    TM_HEAD             /* of the disk */
        char *image;    /* path of the image in its datastore */
    gint64 snapshot_id; /* -1: the disk as it is */
    char *format;
    gboolean clone; /* NO: the disk is the image itself (persistent) */
    char *source;   /* of the disk's own image */
    gint64 lcm_state;
    char *deploy_id; /* the domain */
    char *vm_mad;
    char *dev_target; /* vda … */
} TmStore;
extern const DrvRequestType tm_mvds;
extern const DrvRequestType tm_cpds;
DRV_REQUEST_AUTOPTR(TmStore)

/* delete: a disk, or the directory of a VM. */
typedef struct {
    TM_HEAD
    gint64 ds_id; /* the image's datastore, or the system's */
} TmDelete;
extern const DrvRequestType tm_delete;
DRV_REQUEST_AUTOPTR(TmDelete)

/* mkimage, mkswap: a new volatile disk. */
typedef struct {
    TM_HEAD
    guint64 size_mb;
    char *format;        /* raw, qcow2, swap, and before 5.0 a file system's name */
    char *fs;            /* file system to make, or "" */
    char **supported_fs; /* allowed values of fs */
    char **fs_options;   /* options for mkfs */
} TmMake;
extern const DrvRequestType tm_mkimage;
extern const DrvRequestType tm_mkswap;
DRV_REQUEST_AUTOPTR(TmMake)

typedef struct {
    TM_HEAD
    guint64 size_mb;
    char *format;
    gboolean sparse;
    gint64 lcm_state;
} TmResize;
extern const DrvRequestType tm_resize;
DRV_REQUEST_AUTOPTR(TmResize)

/* snap_create, snap_create_live, snap_delete, snap_revert. */
typedef struct {
    TM_HEAD
    guint64 snapshot_id;
    char *format;
    gboolean clone;
    char *source;
    gint64 lcm_state;
    char *deploy_id;
    char *vm_mad;
    char *dev_target;
} TmSnapshot;
extern const DrvRequestType tm_snapshot;
DRV_REQUEST_AUTOPTR(TmSnapshot)

/* context's op: the stream becomes file @target, with its directory. */
typedef struct {
    TM_HEAD
    gboolean iso_link; /* also make a link "<target>.iso" to it */
} TmPut;
extern const DrvRequestType tm_put;
DRV_REQUEST_AUTOPTR(TmPut)

/* premigrate, postmigrate, failmigrate. */
typedef struct {
    TM_HEAD /* host: the source's; target: SYSDIR */
        char *destination_host;
    gint64 old_ds_id; /* system datastore before the migration */
    gint64 new_ds_id;
    gboolean is_called; /* by another driver, some of whose VM's disks are ours */
} TmMigrate;
extern const DrvRequestType tm_migrate;
DRV_REQUEST_AUTOPTR(TmMigrate)

/* VM states the ops look at. */
enum {
    TM_LCM_HOTPLUG_SAVEAS = 26,
    TM_LCM_SNAPSHOT_DELETE = 59,
    TM_LCM_PROLOG_MIGRATE_UNKNOWN = 60,
    TM_LCM_PROLOG_MIGRATE_UNKNOWN_FAILURE = 61,
    TM_LCM_DISK_RESIZE = 62,
};

/* In driver.c: the op for one action. */
#define TM_SLOT(action, op) DRV_SLOT(action, op)

/* An action's own words. */
typedef struct {
    const DrvRequestType *type;
    /* What is attempted: "clone image 7 to disk.0 of VM 25"; caller frees. */
    char *(*subject)(gconstpointer request);
    /* Fill what neither argv nor the core tells; NULL: nothing. */
    gboolean (*prepare)(gpointer request, GError **error);
} TmAction;

/* All else of an action: read the request, ask the core for what argv does not tell, run
 * the op where the disk is, answer.
 */
int tm_main(int argc, char **argv, const TmAction *action);

/* "disk.0 of VM 25", or "the directory of VM 25"; caller frees. */
char *tm_disk_name(gconstpointer request);
/* "@verb 3 of disk.0 of VM 25", of a TmSnapshot; caller frees. */
char *tm_snapshot_subject(const char *verb, gconstpointer request);

/* monitor: a system datastore.  The op's result is the line of drv_df_text(), and with
 * @vms one line "VM_ID<blank>DISK_SIZE=[…] SNAPSHOT_SIZE=[…]" for each VM there.
 */
typedef struct {
    TM_HEAD /* target: the datastore's directory */
        char **bridges;
    gboolean vms;
} TmMonitor;
extern const DrvRequestType tm_monitor;
DRV_REQUEST_AUTOPTR(TmMonitor)

/* Lines "VM_ID<blank>…" of all VM directories below @path. */
char *tm_monitor_vms(const char *path, GError **error);

/* The answer of this release to an op's result; sends what goes by another way. */
char *tm_monitor_answer(const char *text);

/* premigrate, postmigrate, failmigrate: run this driver's op, then the same action of the
 * other drivers whose disks the VM has.
 */
int tm_migrate_main(int argc, char **argv);
