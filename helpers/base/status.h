/* SPDX-License-Identifier: Apache-2.0 */
/* base/status.h - what this process is doing, for others to read while it does.
 *
 * An action begins its status when it knows its object; from then on whoever copies,
 * fetches, waits or publishes says so here, from any thread.  After 2 s of work a thread
 * writes the status as file "<id>.status" in the status directory, replaces it at most
 * twice a second, and keeps the action's log in "<id>.log"; drv_status_end() removes the
 * first.  docs/progress.md has the place, the lines, and who reads them.
 *
 * A worker's status goes to its caller, too (drv_status_set_sink()), which shows it as
 * its own as long as it moves no bytes itself (drv_status_hear()).
 *
 * Functions do nothing before drv_status_begin(), and none of them fails because a file
 * could not be written.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* @action "tm/ssh/mv", @object "VM 25", @detail "disk.0" or "". */
void drv_status_begin(const char *action, const char *object, const char *detail);
/* @error: why the action failed, or NULL: it is done. */
void drv_status_end(const GError *error);

/* Hosts or paths between which data move. */
void drv_status_route(const char *from, const char *to);

/* A step begins, of @total bytes (0: not known): nothing of it is done yet.  @phase is a
 * static string: "copying".
 */
void drv_status_step(const char *phase, guint64 total);
/* The same, but if a step of this name is under way, it has @bytes more. */
void drv_status_more(const char *phase, guint64 bytes);
/* The step's name changes; what is done stays. */
void drv_status_phase(const char *phase);
/* So many bytes more were moved; so many need not be. */
void drv_status_moved(guint64 bytes);
void drv_status_kept(guint64 bytes);
/* So many of so many bytes are done, as somebody else counts them. */
void drv_status_progress(guint64 done, guint64 total);

/* What is waited for in this scope: "disk", "link", "lock", "guest", "guests", "core" or
 * "limit"; a static string.  The outer one counts again afterwards.
 */
typedef const char *DrvStatusWait;
const char *drv_status_wait_for(const char *what); /* returns what was set before */
void drv_status_wait_clear(DrvStatusWait *before);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DrvStatusWait, drv_status_wait_clear)
#define DRV_STATUS_WAIT(what)                                                            \
    g_auto(DrvStatusWait) G_PASTE(drv_status_before_, __LINE__) G_GNUC_UNUSED =          \
        drv_status_wait_for(what)

/* What an action that fails or is cancelled has undone, or left: a clause for the user,
 * "what has arrived stays for the next try".  Up to 1000 bytes of them are kept.
 */
void drv_status_undone(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* The status is written now: @bytes of the file system @device are going to be used. */
void drv_status_claim(dev_t device, guint64 bytes);
/* The status directory, made if missing, or NULL; caller frees. */
char *drv_status_dir(void);
gboolean drv_status_is_ours(const char *id);
/* "<id>.limit" beside the status: whoever makes it sets a limit.  NULL when there is no
 * status.  Caller frees.
 */
char *drv_status_limit_file(void);

/* --- a worker and its caller -----------------------------------------------------------
 */

/* Also give each change to @sink, as lines (docs/progress.md), from the status's thread.
 */
typedef void (*DrvStatusSink)(const char *text, gpointer data);
void drv_status_set_sink(DrvStatusSink sink, gpointer data);

/* The worker at @where reports these lines; NULL: it has come to its end. */
void drv_status_hear(const char *where, const char *text);

/* The lines as they are now, NULL when there is no status; caller frees. */
char *drv_status_text(void);
/* Name → value of the first 64 lines of @text; of two of one name, the first. */
GHashTable *drv_status_lines(const char *text);
/* @at_end is called once by drv_status_end(), before anything goes. */
void drv_status_call_at_end(void (*at_end)(void));
