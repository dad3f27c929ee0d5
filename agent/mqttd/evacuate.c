/* SPDX-License-Identifier: Apache-2.0 */
/* evacuate node: plan, move, look, and plan again for what did not move. */
#include <string.h>

#include "agent/mqttd/peer.h"
#include "agent/mqttd/plan.h"
#include "agent/mqttd/transfer.h"
#include "base/error.h"
#include "base/log.h"

#define AT_ONCE 4

/* A VM on its way. */
typedef struct {
    char *name;
    GPtrArray *tried; /* hosts where it failed */
    char *host;       /* now; NULL: none was left */
    Work *work;       /* of the last try; NULL: none was made */
    gboolean over;    /* moved, or given up */
} Mover;

typedef struct {
    Work *work;
    PlanHost *hosts; /* those that answer */
    guint n_hosts, round;
    GPtrArray *movers;
} Evacuation;

static void
mover_free(Mover *mover)
{
    g_free(mover->name);
    g_free(mover->host);
    g_ptr_array_unref(mover->tried);
    if (mover->work)
        work_free(mover->work);
    g_free(mover);
}

static Mover *
mover_of(Evacuation *evacuation, const char *name)
{
    Mover *mover;

    for (guint i = 0; i < evacuation->movers->len; i++) {
        mover = g_ptr_array_index(evacuation->movers, i);
        if (strcmp(mover->name, name) == 0)
            return mover;
    }
    mover = g_new0(Mover, 1);
    mover->name = g_strdup(name);
    mover->tried = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(evacuation->movers, mover);
    return mover;
}

/* --- capacities and placement ----------------------------------------------------------
 */

/* Measured for each plan: hosts fill up also by others' doing. */
static void
measure(Evacuation *evacuation)
{
    const Item *item = evacuation->work->item;

    evacuation->n_hosts = 0;
    for (guint i = 0; item->destinations[i]; i++) {
        const char *host = item->destinations[i];
        g_autofree char *step = g_strdup_printf("look at %s %u", host, evacuation->round);
        g_autoptr(GError) error = NULL;
        g_auto(Peer) peer = { 0 };

        if (strcmp(host, evacuation->work->config->hostname) == 0) {
            drv_warn("a host is not evacuated to itself");
        } else if (peer_look(
                       evacuation->work, step, host, item->transport, &peer, &error)) {
            evacuation->hosts[evacuation->n_hosts++] =
                (PlanHost){ host, peer.cpus - peer.active };
        } else {
            evacuation->work->stopped |= drv_error_is(error, DRV_ERROR_CANCELLED);
            drv_warn("%s", error->message);
        }
    }
}

static void
send_to(Mover *mover, const char *host)
{
    g_free(mover->host);
    mover->host = g_strdup(host);
}

static void
plan_all(Evacuation *evacuation, GPtrArray *movers)
{
    const Item *item = evacuation->work->item;
    g_autofree int *placement = g_new0(int, movers->len + 1);

    plan_evacuation((EvacuateMode)item->mode,
                    item->overbooking,
                    evacuation->hosts,
                    evacuation->n_hosts,
                    movers->len,
                    placement);
    for (guint i = 0; i < movers->len; i++)
        send_to(g_ptr_array_index(movers, i),
                placement[i] == PLAN_NONE ? NULL : evacuation->hosts[placement[i]].host);
}

/* One that failed somewhere: among the hosts that it has not been tried with. */
static void
plan_one(Evacuation *evacuation, Mover *mover)
{
    const Item *item = evacuation->work->item;
    g_autofree PlanHost *hosts = g_new0(PlanHost, evacuation->n_hosts + 1);
    guint n = 0;
    int chosen;

    for (guint i = 0; i < evacuation->n_hosts; i++) {
        if (!g_ptr_array_find_with_equal_func(
                mover->tried, evacuation->hosts[i].host, g_str_equal, NULL))
            hosts[n++] = evacuation->hosts[i];
    }
    plan_evacuation((EvacuateMode)item->mode, item->overbooking, hosts, n, 1, &chosen);
    send_to(mover, chosen == PLAN_NONE ? NULL : hosts[chosen].host);
    for (guint i = 0; mover->host && i < evacuation->n_hosts; i++)
        evacuation->hosts[i].capacity -=
            strcmp(evacuation->hosts[i].host, mover->host) == 0;
}

/* --- moving ----------------------------------------------------------------------------
 */

static void
give_up(Evacuation *evacuation, Mover *mover)
{
    GError *error = NULL;

    mover->over = TRUE;
    if (mover->work)
        return; /* the reason of the last try says more */
    (void)drv_throw(&error, DRV_ERROR_FAILED, "No destination host left to evacuate to.");
    mover->work = work_sub(evacuation->work, mover->name);
    (void)work_end(mover->work, mover->name, g_get_monotonic_time(), error);
}

static void
move(gpointer data, gpointer user_data)
{
    Mover *mover = data;
    const Item *item = ((Evacuation *)user_data)->work->item;
    const Transfer transfer = { .name = mover->name,
                                .destination = mover->host,
                                .transport = item->transport,
                                .type = (MigrateType)item->type,
                                .rdma = item->rdma,
                                .retries = item->retries,
                                .procs = item->procs };
    gint64 began = g_get_monotonic_time(), retries = 0;
    g_autofree char *note = NULL;
    GError *error = NULL;
    Outcome *outcome;

    if (!transfer_run(mover->work, &transfer, &retries, &note, &error))
        g_ptr_array_add(mover->tried, g_strdup(mover->host));
    outcome = work_end(mover->work, mover->name, began, error);
    outcome->retries = retries + (gint64)mover->tried->len;
    if (outcome->ok)
        outcome->details = g_steal_pointer(&note);
    mover->over = outcome->ok;
}

static void
move_all(Evacuation *evacuation, GPtrArray *movers)
{
    GThreadPool *pool = g_thread_pool_new(move, evacuation, AT_ONCE, FALSE, NULL);

    for (guint i = 0; i < movers->len; i++) {
        Mover *mover = g_ptr_array_index(movers, i);

        if (mover->host == NULL) {
            give_up(evacuation, mover);
            continue;
        }
        if (mover->work)
            work_free(mover->work);
        mover->work = work_sub(evacuation->work, mover->name);
        g_thread_pool_push(pool, mover, NULL);
    }
    g_thread_pool_free(pool, FALSE, TRUE);
    for (guint i = 0; i < movers->len; i++)
        evacuation->work->stopped |=
            ((Mover *)g_ptr_array_index(movers, i))->work->stopped;
}

/* --- the whole -------------------------------------------------------------------------
 */

/* What is active here and not given up; NULL with @error. */
static GPtrArray *
left_here(Evacuation *evacuation, GError **error)
{
    g_autoptr(GPtrArray) names = vm_active(evacuation->work, error);
    GPtrArray *movers;

    if (names == NULL)
        return NULL;
    movers = g_ptr_array_new();
    for (guint i = 0; i < names->len; i++) {
        Mover *mover = mover_of(evacuation, g_ptr_array_index(names, i));

        if (!mover->over)
            g_ptr_array_add(movers, mover);
    }
    return movers;
}

/* What an earlier process began has its outcome at the agent, also of VMs that are not
 * here any more.
 */
static gboolean
recall(Evacuation *evacuation, GError **error)
{
    g_autoptr(GPtrArray) movers = g_ptr_array_new();
    g_autoptr(GPtrArray) begun = rpc_begun(&evacuation->work->rpc, error);

    if (begun == NULL)
        return FALSE;
    for (guint i = 0; i < begun->len; i++) { /* "NAME/migrate NAME to HOST" */
        const char *text = g_ptr_array_index(begun, i);
        g_auto(GStrv) parts = g_strsplit(text, "/", 2);
        const char *host = g_strrstr(text, " to ");
        Mover *mover;

        if (parts[1] == NULL || host == NULL || !g_str_has_prefix(parts[1], "migrate"))
            continue;
        mover = mover_of(evacuation, parts[0]);
        if (mover->host == NULL)
            g_ptr_array_add(movers, mover);
        send_to(mover, host + strlen(" to "));
    }
    if (movers->len)
        move_all(evacuation, movers);
    return TRUE;
}

/* Until nothing is left that could be moved.  Each round moves a VM or takes a host from
 * it, so it ends.
 */
static gboolean
empty(Evacuation *evacuation, GError **error)
{
    for (evacuation->round = 0;; evacuation->round++) {
        g_autoptr(GPtrArray) movers = left_here(evacuation, error);

        if (movers == NULL || movers->len == 0 || evacuation->work->stopped)
            return movers != NULL;
        measure(evacuation);
        if (evacuation->round == 0)
            plan_all(evacuation, movers);
        for (guint i = 0; evacuation->round > 0 && i < movers->len; i++)
            plan_one(evacuation, g_ptr_array_index(movers, i));
        move_all(evacuation, movers);
    }
}

/* One that is said to have moved and is active here has not. */
static void
verify(Evacuation *evacuation)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) names = vm_active(evacuation->work, &error);

    for (guint i = 0; names && i < names->len; i++) {
        Mover *mover = mover_of(evacuation, g_ptr_array_index(names, i));
        Outcome *outcome =
            mover->work ? g_ptr_array_index(mover->work->outcomes, 0) : NULL;

        if (outcome && outcome->ok) {
            outcome->ok = FALSE;
            g_free(outcome->details);
            outcome->details = g_strdup("it is still active at the source");
        }
    }
}

static void
collect(Evacuation *evacuation)
{
    for (guint i = 0; i < evacuation->movers->len; i++) {
        Mover *mover = g_ptr_array_index(evacuation->movers, i);

        while (mover->work && mover->work->outcomes->len > 0)
            g_ptr_array_add(evacuation->work->outcomes,
                            g_ptr_array_steal_index(mover->work->outcomes, 0));
    }
}

void
evacuate_run(Work *work)
{
    g_autofree PlanHost *hosts =
        g_new0(PlanHost, g_strv_length(work->item->destinations) + 1);
    Evacuation evacuation = { .work = work, .hosts = hosts };
    gint64 began = g_get_monotonic_time();
    GError *error = NULL;

    evacuation.movers = g_ptr_array_new_with_free_func((GDestroyNotify)mover_free);
    if (!recall(&evacuation, &error) || !empty(&evacuation, &error)) {
        (void)work_end(work, "unknown", began, error);
    } else {
        verify(&evacuation);
        collect(&evacuation);
        work_time(work, "overall", NULL, began);
    }
    g_ptr_array_unref(evacuation.movers);
}
