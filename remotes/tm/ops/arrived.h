/* SPDX-License-Identifier: Apache-2.0 */
/* arrived.h - has the hypervisor brought all of a VM's directory to the other place?
 *
 * After a live migration the contents cannot be compared, because the guest has been
 * writing since.  What can be compared: each name, its type, and the size of each disk as
 * a guest sees it.  And that no process has one of the disks left behind open as QEMU
 * does, with a lock.
 */
#pragma once

#include "stage/stage.h"

/* The directory that a VM has left, and where the VM is now. */
typedef struct {
    DrvStage
        *stage; /* of @vm in @ds; NULL where a full file system has no room for one */
    int ds_fd;
    const char *ds, *vm;       /* "/var/lib/one/datastores/0" and, in it, "25" */
    const char *host, *target; /* "" for this machine, "/var/lib/one/datastores/2/25" */
    const char *place;         /* for the warning: "at the source" */
} TmLeft;

/* Remove it, if @host has all of it below @target, and no disk is smaller there.  Else it
 * stays, with a warning that says what is missing, and TRUE.  DRV_ERROR_REFUSED, naming
 * the disk, when one here is open in a QEMU of this machine.
 */
gboolean tm_left_remove(const TmLeft *left, GError **error) G_GNUC_WARN_UNUSED_RESULT;
