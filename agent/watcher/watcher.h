/* SPDX-License-Identifier: Apache-2.0 */
/* watcher.h - which domains libvirt has, and exactly when that changes.
 *
 * stdin: one line of JSON to begin with,
 *
 *     {"uri":"qemu:///system","known":[FACTS...],"seq":N,"relist_s":60,"poll_s":5}
 *
 * all of it optional, and "poll":true for a libvirt whose events are not to be relied on:
 * then it is asked every poll_s, as drivers without events are.  "known" is what an
 * earlier watcher had said, and what changed since is reported.  Any further line asks
 * for a list now; the end of stdin ends the watcher.
 *
 * stdout, lines of JSON:
 *
 *     {"connected":true,"uri":"...","since":T,"events":{"ADDED":"derived",...},
 *      "hypervisor":"QEMU 7.2.0"}
 *     {"connected":false,"since":T,"reason":"...","retry_s":0.5}   all is unknown since T
 *     {"relist":[FACTS...],"seq":N}   after each (re)connection, behind the differences
 *     {"list_s":0.003}   how long libvirt took for a list, also for each slow one
 *     {"event":"STARTED","seq":N,"time":T,"source":"native",...FACTS}
 *
 * FACTS: uuid, name, state (Running, Paused, Halted), domid (active ones), persistent,
 * incarnation (another number each time a domain comes into existence).
 *
 * ADDED is the first event of an incarnation, REMOVED its last one, once each: they are
 * derived from look-ups that libvirt answers with the domain or with "no such domain",
 * never from the kind of an event.  CHANGED: state, name, persistence or id are others
 * now.  UNKNOWN: a look-up was not answered, "detail" says why.  The rest is libvirt's
 * own; SAVED and RESTORED are its STOPPED and STARTED with those details.  source:
 * "native", as libvirt sent it; "derived", found in the difference of two look-ups, also
 * after a lost connection; "polled", the same for a driver that sends nothing.
 */
#pragma once

#include "base/json.h"

#include "virt/domains.h"
#include "virt/events.h"
#include "virt/stats.h"

/* How soon to look again whether a domain that has ended is gone, and how long to wait
 * for what libvirt still may say of one that is.
 */
#define WATCHER_ENDING_MS 100
#define WATCHER_SETTLE_MS 1000

typedef struct {
    DrvDomainFacts *facts; /* last known */
    guint64 incarnation;
    gint64 look_at; /* monotonic: look again then; 0: no need */
    guint looks;    /* how often in a row */
    gint64 gone_at; /* monotonic: it is gone, report that then; 0: it is there */
    gboolean unknown;
    gboolean ended_unsaid; /* it was active, and libvirt has not said that it stopped */
} Known;

typedef struct {
    char *uri;
    guint relist_s, poll_s;
    gboolean poll; /* although the driver has events */
    guint64 seq;
    GHashTable *known; /* char * (UUID) -> Known */
    DrvVirt *virt;     /* NULL: not connected */
    DrvEvents *events; /* NULL: the driver has none */
    gint64 relist_at;
} Watcher;

/* --- model.c: what is known, and what follows from a look ------------------------------
 */

/* Events of libvirt for one domain, in order. */
typedef struct {
    const DrvLifecycleEvent *events;
    guint n;
} Batch;

/* The domain is there as @facts (taken over) say. */
void model_found(Watcher *watcher, DrvDomainFacts *facts, Batch batch);
/* libvirt has no such domain. */
void model_missing(Watcher *watcher, const char *uuid, Batch batch);
/* It could not be asked. */
void model_unknown(Watcher *watcher, const char *uuid, const char *reason);
/* Report what has been gone for long enough.  Monotonic time of the next thing to do for
 * a domain, 0: none.
 */
gint64 model_settle(Watcher *watcher);
/* UUIDs to look at again now; caller frees. */
GPtrArray *model_due(Watcher *watcher);
/* An earlier watcher's. */
void model_load(Watcher *watcher, json_object *list);
json_object *model_list(Watcher *watcher);
void known_free(gpointer known);

/* --- lines.c: what is written ----------------------------------------------------------
 */
void lines_event(Watcher *watcher,
                 const Known *known,
                 const char *event,
                 const char *source,
                 const char *detail);
void lines_connected(Watcher *watcher);
void lines_lost(const char *reason, double retry_s);
void lines_relist(Watcher *watcher);
void lines_list_took(double seconds);
/* FACTS of one; caller owns. */
json_object *lines_facts(const Known *known);

/* libvirt's name of an event and its detail; *detail NULL: it has none of interest.  NULL
 * for one that says nothing of its own (a rename).
 */
const char *lines_native(const DrvLifecycleEvent *event, const char **detail);
