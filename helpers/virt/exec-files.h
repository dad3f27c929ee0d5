/* SPDX-License-Identifier: Apache-2.0 */
/* exec-files.h - where exec keeps the commands that run in guests, and where the
 * execution probe finds them: a file a domain, named as it, with the guest's process id.
 */
#pragma once

#include <glib.h>

/* Where the numbers of guests' processes are kept, in files named as the domains. */
#define KVM_EXEC_DIR "/var/run/one"
/* Before the name: held while the domain's command is being started, or looked for. */
#define KVM_EXEC_LOCK ".exec-lock-"
/* Before the name while the guest migrates, as long as the file is locked. */
#define KVM_EXEC_ASIDE ".migrating-"

/* Take the lock of domain @name in the open directory, without waiting; a guest whose
 * agent hangs delays nobody else.  A descriptor, or -1: DRV_ERROR_BUSY when another has
 * it.
 */
int drv_exec_files_lock(int dir_fd, const char *name, GError **error);

/* Give it back, and its file with it. */
void drv_exec_files_unlock(int dir_fd, const char *name, int lock_fd);
