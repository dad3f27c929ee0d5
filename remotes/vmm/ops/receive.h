/* SPDX-License-Identifier: Apache-2.0 */
/* receive.h - what the worker of another host does for a VM that is on its way there. */
#pragma once

#include "request/op.h"

/* Make one name in the VM's directory: a file from the stream (@kind "file"), an image
 * that a migration will fill ("image"), a link ("link"), or remove the directory
 * ("discard").
 */
typedef struct {
    DrvRequest head;
    char *directory; /* of the VM; made if missing */
    char *name;      /* "disk.0", "disk.0.snap/1" */
    char *kind;
    char *format;  /* image: "raw", "qcow2" */
    guint64 size;  /* image: bytes the guest sees */
    char *backing; /* image: what its header shall name; "" */
    char *backing_format;
    char *target; /* link: its text */
    guint64 mode; /* file, image: what others may do with the original; 0: all */
} VmmReceive;
extern const DrvRequestType vmm_receive;
extern const DrvOp vmm_receive_op;
DRV_REQUEST_AUTOPTR(VmmReceive)
/* Complete for a file of the stream and for "discard".  Caller frees. */
VmmReceive *vmm_receive_new(const char *directory, const char *kind, const char *name);
