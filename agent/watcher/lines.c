/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/watcher/watcher.h"

#include <libvirt/libvirt.h>

#include "agent/common/json-line.h"
#include "agent/common/power.h"
#include "virt/events.h"

static double
now(void)
{
    return (double)g_get_real_time() / G_USEC_PER_SEC;
}

/* Who reads is gone: the next look at stdin says so, too. */
static void
print(json_object *line)
{
    agent_print_line(line, "nobody reads any more");
}

static void
put_text(json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, json_object_new_string(text));
}

static void
put_facts(json_object *object, const Known *known)
{
    const DrvDomainFacts *facts = known->facts;

    put_text(object, "uuid", facts->uuid);
    put_text(object, "name", facts->name);
    put_text(object, "state", agent_power_of(facts->state));
    if (facts->number >= 0)
        json_object_object_add(object, "domid", json_object_new_int(facts->number));
    json_object_object_add(
        object, "persistent", json_object_new_boolean(facts->persistent));
    json_object_object_add(
        object, "incarnation", json_object_new_int64((gint64)known->incarnation));
    if (known->unknown)
        json_object_object_add(object, "unknown", json_object_new_boolean(TRUE));
}

json_object *
lines_facts(const Known *known)
{
    json_object *object = json_object_new_object();

    put_facts(object, known);
    return object;
}

void
lines_event(Watcher *watcher,
            const Known *known,
            const char *event,
            const char *source,
            const char *detail)
{
    json_object *line = json_object_new_object();

    put_text(line, "event", event);
    json_object_object_add(line, "seq", json_object_new_int64((gint64)++watcher->seq));
    json_object_object_add(line, "time", json_object_new_double(now()));
    put_text(line, "source", source);
    if (detail)
        put_text(line, "detail", detail);
    put_facts(line, known);
    print(line);
}

/* What clients can ask for: where each event comes from. */
static json_object *
capabilities(const Watcher *watcher)
{
    static const char *const native[] = { "DEFINED",   "UNDEFINED", "STARTED", "RESTORED",
                                          "SUSPENDED", "RESUMED",   "STOPPED", "SAVED" };
    static const char *const derived[] = { "ADDED", "REMOVED", "CHANGED", "UNKNOWN" };
    json_object *all = json_object_new_object();

    for (guint i = 0; i < G_N_ELEMENTS(native); i++) {
        /* Without libvirt's word for it, a restore is a start. */
        if (watcher->events)
            put_text(all, native[i], "native");
        else if (strcmp(native[i], "SAVED") != 0 && strcmp(native[i], "RESTORED") != 0)
            put_text(all, native[i], "polled");
    }
    for (guint i = 0; i < G_N_ELEMENTS(derived); i++)
        put_text(all, derived[i], watcher->events ? "derived" : "polled");
    return all;
}

/* "QEMU 7.2.0"; one that does not say is connected all the same. */
static void
put_hypervisor(json_object *line, DrvVirt *virt)
{
    g_auto(DrvHostFacts) facts = { 0 };
    g_autofree char *text = NULL;

    if (!drv_host_facts(virt, &facts, NULL))
        return;
    text = g_strdup_printf("%s %lu.%lu.%lu",
                           facts.type ? facts.type : "",
                           facts.version / 1000000,
                           facts.version / 1000 % 1000,
                           facts.version % 1000);
    put_text(line, "hypervisor", text);
}

void
lines_connected(Watcher *watcher)
{
    json_object *line = json_object_new_object();

    json_object_object_add(line, "connected", json_object_new_boolean(TRUE));
    put_text(line, "uri", drv_virt_uri(watcher->virt));
    json_object_object_add(line, "since", json_object_new_double(now()));
    json_object_object_add(line, "events", capabilities(watcher));
    put_hypervisor(line, watcher->virt);
    print(line);
}

void
lines_lost(const char *reason, double retry_s)
{
    json_object *line = json_object_new_object();

    json_object_object_add(line, "connected", json_object_new_boolean(FALSE));
    json_object_object_add(line, "since", json_object_new_double(now()));
    put_text(line, "reason", reason);
    json_object_object_add(line, "retry_s", json_object_new_double(retry_s));
    print(line);
}

void
lines_relist(Watcher *watcher)
{
    json_object *line = json_object_new_object();

    json_object_object_add(line, "relist", model_list(watcher));
    json_object_object_add(line, "seq", json_object_new_int64((gint64)watcher->seq));
    print(line);
}

void
lines_list_took(double seconds)
{
    json_object *line = json_object_new_object();

    json_object_object_add(line, "list_s", json_object_new_double(seconds));
    print(line);
}

/* --- libvirt's words -------------------------------------------------------------------
 */

static const char *
detail_of(const DrvLifecycleEvent *event)
{
    static const char *const started[] = {
        "booted", "migrated", "restored", "from-snapshot", "wakeup"
    };
    static const char *const suspended[] = { "paused",    "migrated", "ioerror",
                                             "watchdog",  "restored", "snapshot",
                                             "api-error", "postcopy", "postcopy-failed" };
    static const char *const resumed[] = {
        "unpaused", "migrated", "from-snapshot", "postcopy", "postcopy-failed"
    };
    static const char *const stopped[] = { "shutdown",     "destroyed", "crashed",
                                           "migrated",     "saved",     "failed",
                                           "from-snapshot" };
    static const struct {
        int what;
        const char *const *words;
        guint n;
    } tables[] = {
        { VIR_DOMAIN_EVENT_STARTED, started, G_N_ELEMENTS(started) },
        { VIR_DOMAIN_EVENT_SUSPENDED, suspended, G_N_ELEMENTS(suspended) },
        { VIR_DOMAIN_EVENT_RESUMED, resumed, G_N_ELEMENTS(resumed) },
        { VIR_DOMAIN_EVENT_STOPPED, stopped, G_N_ELEMENTS(stopped) },
    };

    for (guint i = 0; i < G_N_ELEMENTS(tables); i++) {
        if (tables[i].what == event->what && event->detail >= 0 &&
            (guint)event->detail < tables[i].n)
            return tables[i].words[event->detail];
    }
    return NULL;
}

const char *
lines_native(const DrvLifecycleEvent *event, const char **detail)
{
    *detail = detail_of(event);
    switch (event->what) {
    case VIR_DOMAIN_EVENT_DEFINED:
        return event->detail == VIR_DOMAIN_EVENT_DEFINED_RENAMED ? NULL : "DEFINED";
    case VIR_DOMAIN_EVENT_UNDEFINED:
        return event->detail == VIR_DOMAIN_EVENT_UNDEFINED_RENAMED ? NULL : "UNDEFINED";
    case VIR_DOMAIN_EVENT_STARTED:
        return event->detail == VIR_DOMAIN_EVENT_STARTED_RESTORED ? "RESTORED"
                                                                  : "STARTED";
    case VIR_DOMAIN_EVENT_SUSPENDED:
        return "SUSPENDED";
    case VIR_DOMAIN_EVENT_RESUMED:
        return "RESUMED";
    case VIR_DOMAIN_EVENT_STOPPED:
        return event->detail == VIR_DOMAIN_EVENT_STOPPED_SAVED ? "SAVED" : "STOPPED";
    case VIR_DOMAIN_EVENT_SHUTDOWN:
        return "SHUTDOWN";
    case VIR_DOMAIN_EVENT_PMSUSPENDED:
        return "PMSUSPENDED";
    case VIR_DOMAIN_EVENT_CRASHED:
        return "CRASHED";
    default:
        return NULL;
    }
}
