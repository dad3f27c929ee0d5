/* SPDX-License-Identifier: Apache-2.0 */
/* arrived.h - has the hypervisor brought all of a VM's directory to the other place?
 *
 * After a live migration the contents cannot be compared, because the guest has been
 * writing since.  What can be compared: each name, its type, and the size of each disk as
 * a guest sees it.  And that no process has one of the disks left behind open as QEMU
 * does, with a lock.
 */
#pragma once

#include <glib.h>

/* TRUE when no disk in the directory @vm of the datastore @ds (@ds_fd) is open in a QEMU
 * of this machine; else DRV_ERROR_REFUSED, naming the disk.
 */
gboolean tm_is_unused(int ds_fd, const char *ds, const char *vm, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* TRUE when @host has below @target, the VM's directory there, all that the directory @vm
 * of
 * @ds has here, and no disk is smaller; else DRV_ERROR_REFUSED, naming what is missing.
 */
gboolean tm_has_arrived(const char *host,
                        const char *target,
                        int ds_fd,
                        const char *ds,
                        const char *vm,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
