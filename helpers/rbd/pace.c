/* SPDX-License-Identifier: Apache-2.0 */
#include "rbd/pace.h"

#include <errno.h>
#include <string.h>

#include "base/cancel.h"

#define OBJECTS_MAX (1 << 28)
#define LOOK_AGAIN_US (G_USEC_PER_SEC / 10) /* for a cancellation */

void
drv_rbd_pace_begin(DrvRbdPace *pace, guint64 rate, guint64 seconds)
{
    g_mutex_init(&pace->lock);
    g_cond_init(&pace->never);
    pace->rate = rate;
    pace->begin_us = g_get_monotonic_time();
    pace->until_us = seconds ? pace->begin_us + (gint64)seconds * G_USEC_PER_SEC : 0;
}

void
drv_rbd_pace_clear(DrvRbdPace *pace)
{
    g_clear_pointer(&pace->objects, g_byte_array_unref);
    g_mutex_clear(&pace->lock);
    g_cond_clear(&pace->never);
}

gboolean
drv_rbd_pace_is_over(const DrvRbdPace *pace)
{
    return drv_cancel_pending() ||
           (pace->until_us && g_get_monotonic_time() >= pace->until_us);
}

/* --- which objects are there
 * ----------------------------------------------------------------
 */

typedef struct {
    GByteArray *objects;
    guint64 object_size;
} Map;

static int
mark(uint64_t offset, size_t length, int exists, void *data)
{
    const Map *map = data;

    for (guint64 at = offset; exists && at < offset + length; at += map->object_size) {
        guint64 n = at / map->object_size;

        if (n / 8 < map->objects->len)
            map->objects->data[n / 8] |= (guint8)(1 << n % 8);
    }
    return 0;
}

void
drv_rbd_pace_image(DrvRbdPace *pace, rbd_image_t image)
{
    rbd_image_info_t info;
    guint64 features = 0;
    Map map;

    g_clear_pointer(&pace->objects, g_byte_array_unref);
    if (rbd_stat(image, &info, sizeof info) < 0 || info.num_objs > OBJECTS_MAX ||
        rbd_get_features(image, &features) < 0 || !(features & RBD_FEATURE_FAST_DIFF))
        return;
    map.object_size = info.obj_size;
    map.objects = g_byte_array_new();
    g_byte_array_set_size(map.objects, (guint)(info.num_objs / 8 + 1));
    memset(map.objects->data, 0, map.objects->len);
    if (rbd_diff_iterate2(image, NULL, 0, info.size, 1, 1, mark, &map) == 0)
        pace->objects = g_steal_pointer(&map.objects);
    else
        g_byte_array_unref(map.objects);
}

gboolean
drv_rbd_pace_counts(const DrvRbdPace *pace, guint64 n)
{
    return pace->objects == NULL || n / 8 >= pace->objects->len ||
           (pace->objects->data[n / 8] & 1 << n % 8);
}

/* --- waiting
 * --------------------------------------------------------------------------------
 */

void
drv_rbd_pace_wait(DrvRbdPace *pace, guint64 n)
{
    gint64 free_us;

    if (pace->rate == 0)
        return;
    g_mutex_lock(&pace->lock);
    pace->n += n;
    free_us = pace->begin_us + (gint64)(pace->n * G_USEC_PER_SEC / pace->rate);
    while (!drv_rbd_pace_is_over(pace) && g_get_monotonic_time() < free_us)
        (void)g_cond_wait_until(&pace->never,
                                &pace->lock,
                                MIN(free_us, g_get_monotonic_time() + LOOK_AGAIN_US));
    g_mutex_unlock(&pace->lock);
}

/* It is a thread of librbd's that waits here, and with it the operation. */
int
drv_rbd_pace(uint64_t done, uint64_t total, void *data)
{
    DrvRbdPace *pace = data;

    (void)total;
    if (drv_rbd_pace_counts(pace, done))
        drv_rbd_pace_wait(pace, 1);
    return drv_rbd_pace_is_over(pace) ? -ECANCELED : 0;
}
