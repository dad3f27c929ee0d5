/* SPDX-License-Identifier: Apache-2.0 */
/* rbd/step.h - a change of an image that is more than one operation of librbd: written
 * down first, done by one driver at a time, and settled by the next one when it was cut
 * off.
 *
 *     g_autoptr(DrvRbdStep) step = drv_rbd_step_begin(pool, "one-5", settle, error);
 *     if (!drv_rbd_step_note(step, "revert", error)) ...
 *     ... operations ...
 *     return drv_rbd_step_end(step, error);
 *
 * Notes are in the pool: object "one_native.steps", one omap entry for each image that is
 * being changed, "<driver> <beat> <time> <client> <note>".  The beat is counted up by a
 * thread.  A driver whose beat has not changed for CEPH_LEASE seconds, by the clock of
 * who looks, is dead, and fenced by the cluster; clocks of hosts are never compared.
 */
#pragma once

#include "rbd/pool.h"

typedef struct DrvRbdStep DrvRbdStep;

/* Finish or undo what @note says was begun at @image; may be called again and again. */
typedef gboolean (*DrvRbdSettle)(DrvRbdPool *pool,
                                 const char *image,
                                 const char *note,
                                 GError **error);

/* Take @image, after settling what a dead driver has left of it.  DRV_ERROR_BUSY when
 * another one still works at it after LOCK_TIMEOUT seconds.
 */
DrvRbdStep *drv_rbd_step_begin(DrvRbdPool *pool,
                               const char *image,
                               DrvRbdSettle settle,
                               GError **error);

/* Without taking @image, which many may use at once: wait until nobody changes it, and
 * settle what a dead driver has left of it.  DRV_ERROR_BUSY as above.
 */
gboolean drv_rbd_step_pass(DrvRbdPool *pool,
                           const char *image,
                           DrvRbdSettle settle,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Write down what is to be done from here; also fails when another driver has taken us
 * for dead.
 */
gboolean drv_rbd_step_note(DrvRbdStep *step,
                           const char *note,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* FALSE when another driver has taken us for dead; for a lease from here, none will. */
gboolean drv_rbd_step_check(DrvRbdStep *step, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* All is done or undone: forget the note and let go of the image. */
gboolean drv_rbd_step_end(DrvRbdStep *step, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Without an end before, what was noted is settled now; where that fails the note stays
 * for the next driver.
 */
void drv_rbd_step_free(DrvRbdStep *step);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvRbdStep, drv_rbd_step_free)

/* Settle what drivers left in this pool that are dead for long (10 leases).  For
 * monitoring: failures are logged.
 */
void drv_rbd_step_sweep(DrvRbdPool *pool, DrvRbdSettle settle);
