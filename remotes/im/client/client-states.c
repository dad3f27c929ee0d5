/* SPDX-License-Identifier: Apache-2.0 */
/* The VMs' states: reported when libvirt says that one changed, and looked at now and
 * then.
 *
 * An event only says when to look; what is reported is always read from libvirt's list of
 * active domains.  When that cannot be had, nothing is reported but the failure.
 */
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "im/client/client.h"
#include "im/state/states.h"

#define GATHER_MS 50  /* events of one change come together */
#define SETTLE_MS 100 /* until a domain that stopped leaves the list */
#define TELL_AFTER 2
#define LONGEST_BACK_OFF_S 8
#define STARTED 2 /* virDomainEventType */

typedef struct {
    const ImClient *client;
    ImContext *im;
    DrvEvents *events; /* NULL: not connected */
    int signal_fd, system_fd;
    gint64 period_ms, sync_ms;
    gint64 last_sync; /* monotonic ms; -1: all must be reported */
    gint64 due;       /* next look; monotonic ms */
    guint failures, hopeless;
    gboolean unsent; /* it is the front-end that could not be reached */
    ImStatesHow how;
} Watch;

static gint64
now_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

static gboolean
connect_virt(Watch *watch, GError **error)
{
    DrvVirt *virt;

    if (watch->events)
        return TRUE;
    virt = im_virt(watch->im, error);
    if (virt)
        watch->events = drv_events_new(virt, error);
    if (watch->events == NULL)
        im_virt_drop(watch->im);
    return watch->events != NULL;
}

static void
disconnect(Watch *watch)
{
    g_clear_pointer(&watch->events, drv_events_free);
    im_virt_drop(watch->im);
}

/* Look and report. */
static gboolean
look(Watch *watch, GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GPtrArray) active = NULL;
    gint64 now = now_ms();

    watch->unsent = FALSE;
    if (!connect_virt(watch, error))
        return FALSE;
    active = drv_stats_all(watch->im->virt, FALSE, error);
    if (active == NULL)
        return FALSE;
    watch->how.sync = watch->last_sync < 0 || now - watch->last_sync >= watch->sync_ms;
    im_states_compare(watch->im->states, active, &watch->how, out);
    if (watch->how.sync)
        watch->last_sync = now;
    watch->due =
        now + (im_states_is_unsettled(watch->im->states) ? SETTLE_MS : watch->period_ms);
    if (im_client_send(watch->client, im_kinds, FALSE, out->str, error))
        return TRUE;
    watch->last_sync = -1; /* what was to be reported is lost */
    watch->unsent = TRUE;
    return FALSE;
}

static gboolean
begin_anew(const Watch *watch, GError **error)
{
    return im_client_detach(watch->client, error) &&
           drv_throw(error, DRV_ERROR_TIMEOUT, "libvirt hangs: restarting");
}

static gboolean
failed(Watch *watch, GError *why, GError **error)
{
    g_autoptr(GError) unsent = NULL;

    if (drv_error_is(why, DRV_ERROR_CANCELLED)) {
        g_propagate_error(error, g_error_copy(why));
        return FALSE;
    }
    watch->failures++;
    if (!watch->unsent && drv_error_is(why, DRV_ERROR_TIMEOUT) &&
        ++watch->hopeless >= IM_MAX_STUCK_CALLS)
        return begin_anew(watch, error);
    if (!watch->unsent)
        disconnect(watch);
    if (!watch->unsent && watch->failures >= TELL_AFTER) {
        g_autofree char *text =
            g_strdup_printf("Error executing state: %s", why->message);

        if (!im_client_send(watch->client, im_kinds, TRUE, text, &unsent))
            drv_ignore(&unsent, "it is reported again");
    }
    watch->due =
        now_ms() + (gint64)MIN(im_back_off(watch->failures), LONGEST_BACK_OFF_S) * 1000;
    return TRUE;
}

static void
note(Watch *watch, const DrvLifecycleEvent *event)
{
    if (event->what == DRV_VIRT_STOPPED)
        im_states_stopped(watch->im->states, event->uuid, event->detail);
    else if (event->what == STARTED)
        im_states_started(watch->im->states, event->uuid);
    watch->due = MIN(watch->due, now_ms() + GATHER_MS);
}

static void
pass_signal_on(const Watch *watch)
{
    struct signalfd_siginfo info;
    guint64 one = 1;

    while (read(watch->signal_fd, &info, sizeof info) == sizeof info)
        (void)!write(watch->system_fd, &one, sizeof one);
}

/* Wait until the next look is due; events make it earlier. */
static gboolean
wait_for_due(Watch *watch, GError **error)
{
    struct pollfd wake = { .fd = watch->signal_fd, .events = POLLIN };
    gint64 left_ms;

    while ((left_ms = watch->due - now_ms()) > 0) {
        DrvLifecycleEvent event;
        gboolean got = FALSE;

        if (watch->events == NULL) {
            if (drv_poll(&wake, 1, (int)left_ms, error) < 0)
                return FALSE;
        } else if (!drv_events_next(watch->events,
                                    (guint)left_ms,
                                    watch->signal_fd,
                                    &event,
                                    &got,
                                    error)) {
            return FALSE;
        }
        pass_signal_on(watch);
        if (got)
            note(watch, &event);
    }
    return TRUE;
}

gboolean
im_watch_states(const ImClient *client, int signal_fd, int system_fd, GError **error)
{
    g_autoptr(ImContext) im = im_client_context(client, error);
    Watch watch = { .client = client, .im = im, .last_sync = -1 };
    gboolean go_on = im != NULL;

    if (im == NULL)
        return FALSE;
    im_states_keep(im);
    watch.signal_fd = signal_fd;
    watch.system_fd = system_fd;
    watch.period_ms = (gint64)im_config_number(im, "PROBES_PERIOD/STATE_VM", 5) * 1000;
    watch.sync_ms =
        (gint64)im_config_number(im, "PROBES_PERIOD/SYNC_STATE_VM", 180) * 1000;
    watch.how.imported = im_has_imported();
    watch.how.times_missing = (guint)im_conf_number("probe_db.conf", "times_missing", 3);
    while (go_on) {
        g_autoptr(GError) why = NULL;

        if (wait_for_due(&watch, &why) && look(&watch, &why))
            watch.failures = watch.hopeless = 0;
        else
            go_on = failed(&watch, why, error);
    }
    disconnect(&watch);
    return FALSE;
}
