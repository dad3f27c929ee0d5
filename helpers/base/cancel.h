/* SPDX-License-Identifier: Apache-2.0 */
/* base/cancel.h - cancellation is an ordinary error.
 *
 * SIGTERM, SIGINT and SIGHUP are blocked in the whole process and read from a descriptor
 * that every wait watches.  A worker also counts the loss of its caller.  What waits
 * calls drv_poll(); what computes or copies calls drv_cancel_check() once per chunk.
 * Both throw DRV_ERROR_CANCELLED, so the ordinary unwinding cleans up.
 *
 * Cleaning up must not be cancelled in turn: it runs between drv_cancel_shield() and
 * drv_cancel_unshield(), or under DRV_CANCEL_SHIELD in a scope.
 */
#pragma once

#include <glib.h>
#include <poll.h>

/* Set right what a parent may have left: block those signals and no others, ignore
 * SIGPIPE and SIGXFSZ, which are errors then, do not ignore SIGCHLD, raise a limit of
 * files that is too low; and open the descriptor.  Call once, before threads.
 */
gboolean drv_cancel_init(GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Also count a hang-up of @fd (a pipe or socket whose other end is our caller). */
void drv_cancel_watch_peer(int fd);

/* TRUE when a stop was asked for and no shield is up. */
gboolean drv_cancel_pending(void);

/* FALSE and DRV_ERROR_CANCELLED when drv_cancel_pending(). */
gboolean drv_cancel_check(GError **error) G_GNUC_WARN_UNUSED_RESULT;

void drv_cancel_shield(void);
void drv_cancel_unshield(void);

typedef int DrvCancelShield;
void drv_cancel_shield_clear(DrvCancelShield *shield);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DrvCancelShield, drv_cancel_shield_clear)
#define DRV_CANCEL_SHIELD()                                                              \
    g_auto(DrvCancelShield) drv_shield G_GNUC_UNUSED = (drv_cancel_shield(), 0)

/* poll(2) on @fds that also ends on cancellation.
 *
 * Returns the number of ready descriptors, 0 after @timeout_ms (-1 waits for ever), or
 * -1 with DRV_ERROR_CANCELLED or DRV_ERROR_FAILED.  Interrupted calls are resumed.
 */
int drv_poll(struct pollfd *fds, guint n_fds, int timeout_ms, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Fill @fds (room for 2) with what means a stop, for waits inside other libraries;
 * returns how many.  Ready means drv_cancel_pending() is worth a call.
 */
guint drv_cancel_fds(struct pollfd *fds);

/* Unblock the signals again: for the child side of fork(), before exec.  Async-safe. */
void drv_cancel_reset_in_child(void);
