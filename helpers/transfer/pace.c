/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/pace.h"

#include <string.h>

#include "base/cancel.h"
#include "base/config.h"
#include "base/error.h"
#include "base/log.h"
#include "base/status.h"

#define LOOK_US (G_USEC_PER_SEC / 2)
#define SLOWEST ((guint64)1024 * 1024) /* bytes a second left to us in any case */
#define LIMIT_MIN ((guint64)64 * 1024) /* below, the other side would think we hang */
#define PRESSURE "/sys/fs/cgroup/machine.slice/io.pressure"

typedef struct {
    gboolean begun;
    guint64 limit;    /* bytes a second; 0: none */
    guint64 yield_to; /* percent */
    char *pressure;   /* file */
    guint64 pace;     /* bytes a second that guests leave us; 0: all */
    guint64 stalled;  /* microseconds, at @looked_us */
    gint64 looked_us;
    guint64 moved;  /* since then */
    gint64 free_us; /* when the next byte may be moved */
} DrvPace;

static DrvPace the_pace; /* of all transfers of this process */

static gboolean
read_settings(DrvPace *pace, GError **error)
{
    g_autoptr(DrvConfig) config = drv_config_load("one-native.conf", error);

    if (config == NULL ||
        !drv_config_get_uint(config, "TRANSFER_LIMIT", 0, &pace->limit, error) ||
        !drv_config_get_uint(config, "TRANSFER_YIELD", 10, &pace->yield_to, error))
        return FALSE;
    pace->pressure = g_strdup(drv_config_get(config, "TRANSFER_PRESSURE", PRESSURE));
    return TRUE;
}

/* Microseconds in which some task of the group waited, since it was made. */
static gboolean
read_stalled(const DrvPace *pace, guint64 *stalled)
{
    g_autofree char *text = NULL;
    const char *some, *total;

    if (!g_file_get_contents(pace->pressure, &text, NULL, NULL))
        return FALSE;
    some = strstr(text, "some ");
    total = some ? strstr(some, "total=") : NULL;
    if (total)
        *stalled = g_ascii_strtoull(total + strlen("total="), NULL, 10);
    return total != NULL;
}

static void
begin(DrvPace *pace)
{
    g_autoptr(GError) why = NULL;

    pace->begun = TRUE;
    pace->looked_us = g_get_monotonic_time();
    pace->free_us = pace->looked_us;
    if (!read_settings(pace, &why)) {
        drv_warn("transfers are not limited: %s", why->message);
        return;
    }
    if (pace->yield_to > 0 && !read_stalled(pace, &pace->stalled))
        pace->yield_to = 0; /* no guests here */
}

/* Half as fast when guests wait, a quarter faster when they do not. */
static void
look_at_guests(DrvPace *pace, gint64 now)
{
    guint64 stalled;
    guint64 us = (guint64)(now - pace->looked_us);
    guint64 rate = pace->moved * G_USEC_PER_SEC / MAX(us, 1);

    if (!read_stalled(pace, &stalled))
        return;
    if ((stalled - pace->stalled) * 100 > us * pace->yield_to)
        pace->pace = MAX(rate / 2, SLOWEST);
    else if (pace->pace > 0)
        pace->pace = pace->pace > 4 * rate ? 0 : pace->pace + pace->pace / 4;
    pace->stalled = stalled;
}

static void
read_limit(DrvPace *pace)
{
    g_autofree char *limit_file = drv_status_limit_file();
    g_autofree char *text = NULL;
    guint64 limit;

    if (limit_file && g_file_get_contents(limit_file, &text, NULL, NULL) &&
        g_ascii_string_to_unsigned(g_strstrip(text), 10, 0, G_MAXINT64, &limit, NULL))
        pace->limit = limit;
}

static void
look(DrvPace *pace, gint64 now)
{
    if (now < pace->looked_us + LOOK_US)
        return;
    read_limit(pace);
    if (pace->yield_to > 0)
        look_at_guests(pace, now);
    pace->looked_us = now;
    pace->moved = 0;
}

static gboolean
wait_till_free(const DrvPace *pace, gint64 now, const char *reason, GError **error)
{
    DRV_STATUS_WAIT(reason);

    return pace->free_us <= now ||
           drv_poll(NULL, 0, (int)((pace->free_us - now) / 1000), error) >= 0;
}

gboolean
drv_pace_moved(guint64 bytes, GError **error)
{
    DrvPace *pace = &the_pace;
    const char *reason = "limit";
    gint64 now = g_get_monotonic_time();
    guint64 rate;

    drv_status_moved(bytes);
    if (!pace->begun)
        begin(pace);
    pace->moved += bytes;
    look(pace, now);
    rate = pace->limit ? MAX(pace->limit, LIMIT_MIN) : 0;
    if (pace->pace && (rate == 0 || pace->pace < rate)) {
        rate = pace->pace;
        reason = "guests";
    }
    if (rate == 0)
        return TRUE;
    pace->free_us = MAX(pace->free_us, now - G_USEC_PER_SEC / 10) +
                    (gint64)(bytes * G_USEC_PER_SEC / rate);
    return wait_till_free(pace, now, reason, error);
}
