/* SPDX-License-Identifier: Apache-2.0 */
/* vmm.h - what a hypervisor driver can be asked, on the host itself.
 *
 * Each action is a request type; kvm/driver.c names the op for each.  Source of argv and
 * of the XML paths: the virtual machine protocol, sections 1.8, 2.1 and 2.4.
 *
 * The front-end gives the action's document (VMM_DRIVER_ACTION_DATA) on stdin, as it is
 * or in base64; front-ends before 5.12 give some actions none.  A document that is there
 * but not whole stops the action before it does anything.
 */
#pragma once

#include "request/op.h"

/* What all requests begin with. */
#define VMM_HEAD                                                                         \
    DrvRequest head;                                                                     \
    char *deploy_id; /* name or UUID of the domain */                                    \
    char *vm_id;                                                                         \
    char *xml; /* the document from stdin or argv; "" when there was none */

typedef struct {
    VMM_HEAD
} VmmHead; /* shutdown, cancel, reboot, reset, resize, poll: nothing else */
extern const DrvRequestType vmm_domain;
extern const DrvRequestType vmm_poll; /* deploy_id: "-t" for all domains */
extern const DrvRequestType vmm_resize;

typedef struct {
    VMM_HEAD        /* xml: of the domain */
        char *file; /* where the domain's XML is kept, in the VM's directory */
} VmmDeploy;
extern const DrvRequestType vmm_deploy;

typedef struct {
    VMM_HEAD
    char *file; /* the checkpoint */
    char *host;
    char *tm_mad; /* of the system datastore; "" when not told */
} VmmCheckpoint;
extern const DrvRequestType vmm_save;
extern const DrvRequestType vmm_restore;

typedef struct {
    VMM_HEAD
    char *destination; /* host to go to */
    char *source;      /* host it is on */
    char *directory;   /* the VM's directory at the destination (DISK_TARGET_PATH) */
    gboolean shared;   /* the system datastore is seen by both hosts */
} VmmMigrate;
extern const DrvRequestType vmm_migrate;

typedef struct {
    VMM_HEAD
    char *path;   /* of the disk on this host */
    char *target; /* vda … */
} VmmDisk;
extern const DrvRequestType vmm_attach_disk;
extern const DrvRequestType vmm_detach_disk;

typedef struct {
    VMM_HEAD
    char *mac;
    char *bridge;
    char *model;
    char *vn_mad;
    char *target;
} VmmNic;
extern const DrvRequestType vmm_attach_nic;
extern const DrvRequestType vmm_detach_nic;

typedef struct {
    VMM_HEAD
    char *target; /* of the context CD; "" when there is none */
    char *path;   /* of the new one */
} VmmContext;
extern const DrvRequestType vmm_prereconfigure;
extern const DrvRequestType vmm_reconfigure;

typedef struct {
    VMM_HEAD
    char *snapshot; /* create: its number; delete, revert: its name */
} VmmSnapshot;
extern const DrvRequestType vmm_snapshot;

typedef struct {
    VMM_HEAD
    char *disk_id;
    guint64 size_mib;
    char *target; /* from the document */
} VmmResizeDisk;
extern const DrvRequestType vmm_resize_disk;

typedef struct {
    VMM_HEAD /* deploy_id: from the document */
        char *command;
    char *input; /* base64 for the command's stdin */
} VmmExec;
extern const DrvRequestType vmm_exec;
extern const DrvRequestType vmm_exec_cancel;

#define VMM_SLOT(action, op) DRV_SLOT(action, op)

/* What one action says of itself. */
typedef struct {
    const DrvRequestType *type;
    const char *what; /* is attempted, for messages: "attach a disk to" */
    int document_arg; /* where argv has the document too, if stdin has none; 0: nowhere */
    char *(*repair)(const char *text); /* of a document that is not quite XML; NULL */
} VmmAction;

/* All of an action: read the request, run the op, answer with its result. */
int vmm_main(int argc, char **argv, const VmmAction *action);
