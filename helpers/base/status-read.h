/* SPDX-License-Identifier: Apache-2.0 */
/* base/status-read.h - what the processes of this machine are doing (base/status.h).
 *
 * Whoever may write into a status directory chooses its content: of each file at most 16
 * KiB are read, links are not followed, and a process gets a signal only if it belongs to
 * the user who wrote the status.  Texts may have any characters but newlines.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct {
    char *dir; /* where it is */
    char *id;
    uid_t owner;
    GHashTable *lines; /* name → value */
} DrvStatusEntry;

void drv_status_entry_free(gpointer entry); /* a DrvStatusEntry, or NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvStatusEntry, drv_status_entry_free)

/* Of all living processes, in the order of their start; our own dead ones are removed.
 * Root sees those of all users.  @error: a directory that is there may not be read.
 */
GPtrArray *drv_status_list(GError **error);

/* Those in @dir only. */
GPtrArray *drv_status_list_dir(const char *dir, GError **error);

/* "" and @fallback when there is no such line, or it is not a number. */
const char *drv_status_entry_text(const DrvStatusEntry *entry, const char *name);
gint64
drv_status_entry_number(const DrvStatusEntry *entry, const char *name, gint64 fallback);

/* Send SIGTERM to the process.  *process (may be NULL) becomes readable at its end; the
 * caller's.  DRV_ERROR_NOT_FOUND when it has ended, DRV_ERROR_REFUSED when the status is
 * of another user's process.
 */
gboolean drv_status_entry_stop(const DrvStatusEntry *entry,
                               int *process,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The log of status @id, also of one that has ended; more than one that begins with @id
 * is DRV_ERROR_USAGE, none DRV_ERROR_NOT_FOUND.  *whole (may be NULL) is the whole id.
 * Open for reading.
 */
int drv_status_open_log(const char *id, char **whole, GError **error);
