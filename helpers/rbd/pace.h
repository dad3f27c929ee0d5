/* SPDX-License-Identifier: Apache-2.0 */
/* rbd/pace.h - long operations of librbd, not faster than allowed and not longer.
 *
 *     g_auto(DrvRbdPace) pace = DRV_RBD_PACE_INIT;
 *     drv_rbd_pace_begin(&pace, 500, 20);
 *     drv_rbd_pace_image(&pace, image);
 *     rc = rbd_flatten_with_progress(image, drv_rbd_pace, &pace);
 */
#pragma once

#include <glib.h>
#include <rbd/librbd.h>

typedef struct {
    guint64 rate;        /* objects a second; 0: no limit */
    gint64 begin_us;     /* by the monotonic clock */
    gint64 until_us;     /* when to stop; 0: when it is done */
    guint64 n;           /* objects so far, of all operations */
    GByteArray *objects; /* a bit for each object of the image that is there; NULL: all */
    GMutex lock;
    GCond never;
} DrvRbdPace;
#define DRV_RBD_PACE_INIT                                                                \
    {                                                                                    \
        .rate = 0                                                                        \
    }

/* @seconds: of all operations together; 0: no limit. */
void drv_rbd_pace_begin(DrvRbdPace *pace, guint64 rate, guint64 seconds);
void drv_rbd_pace_clear(DrvRbdPace *pace);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DrvRbdPace, drv_rbd_pace_clear)

/* The next operation is on @image: only objects that it or its parents have will count,
 * as far as its object map says which these are.
 */
void drv_rbd_pace_image(DrvRbdPace *pace, rbd_image_t image);

/* TRUE when the time is over, or this process shall end. */
gboolean drv_rbd_pace_is_over(const DrvRbdPace *pace);

/* @n more objects: wait until they were allowed, or it is over. */
void drv_rbd_pace_wait(DrvRbdPace *pace, guint64 n);

/* TRUE for an object that counts. */
gboolean drv_rbd_pace_counts(const DrvRbdPace *pace, guint64 object);

/* For librbd, which calls it once for each object number @done: makes it wait, and ends
 * the operation with -ECANCELED when it is over.
 */
int drv_rbd_pace(uint64_t done, uint64_t total, void *pace);
