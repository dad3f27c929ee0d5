/* SPDX-License-Identifier: Apache-2.0 */
/* transfer/status.h - what this process is doing, for others to read while it does.
 *
 * A process has at most one status.  It is a file "<id>.status" in the status directory
 * (docs/transfer.md has its place and lines), which appears after 2 s of work or when
 * room is claimed, is written again at most twice a second and removed at the end.
 * "<id>.lock" beside it is locked by the process that lives; without that lock the file
 * is ignored, and removed by its reader.  "<id>.limit", if somebody makes
 * it, has the bytes a second that may be moved from now on.
 *
 * Functions do nothing before drv_status_begin(), and none of them fails because a file
 * could not be written.
 */
#pragma once

#include <glib.h>

/* @action "mv", @object "VM 25", @from and @to "host01:/…". */
void drv_status_begin(const char *action,
                      const char *object,
                      const char *from,
                      const char *to);
void drv_status_end(void);

void drv_status_phase(const char *phase);
/* Bytes that have to be dealt with, and such that need not be moved. */
void drv_status_total(guint64 bytes);
void drv_status_settled(guint64 bytes);

/* So many bytes were moved.  Waits as long as the limit says, and while the guests of
 * this machine wait for disks (TRANSFER_YIELD); DRV_ERROR_CANCELLED.
 */
gboolean drv_status_moved(guint64 bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* There must be room for @bytes in the file system of @fd, of which @there are there
 * already, beside what other transfers of this machine have claimed.  The claim ends with
 * the process, and shrinks by what is moved.  DRV_ERROR_NO_SPACE, with both figures.
 */
gboolean drv_status_claim(int fd,
                          const char *where,
                          guint64 bytes,
                          guint64 there,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
