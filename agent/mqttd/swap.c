/* SPDX-License-Identifier: Apache-2.0 */
/* migrate vm with swap-with: two VMs change places.
 *
 * The one that the other host has room for moves first, and makes room for the other.
 * When neither host has room for a second one, this host's VM is saved to a file that
 * both see, the other is fetched, and the file is restored there.  Whatever fails, each
 * VM is active at one host, and the answer says at which half it was.
 */
#include "agent/mqttd/pci.h"
#include "agent/mqttd/peer.h"
#include "agent/mqttd/pscom.h"
#include "agent/mqttd/transfer.h"
#include "base/error.h"

typedef enum { SWAP_OURS_FIRST, SWAP_THEIRS_FIRST, SWAP_BY_FILE } Way;

typedef struct {
    Transfer ours, theirs; /* the destination of both is the other host */
    gint64 ours_retries, theirs_retries;
    Way way;
    GError *ours_error, *theirs_error;
} Swap;

static gboolean
choose(Work *work, Swap *swap, GError **error)
{
    gint64 reserve = work->config->memory_reserve_kib, ours, theirs, here_kib, there_kib;
    const char *host = swap->ours.destination;
    g_auto(Peer) here = { 0 };
    g_auto(Peer) there = { 0 };

    if (!peer_look(work, "look here", NULL, NULL, &here, error) ||
        !peer_look(work, "look there", host, swap->ours.transport, &there, error))
        return FALSE;
    ours = peer_memory_of(&here, swap->ours.name);
    theirs = peer_memory_of(&there, swap->theirs.name);
    if (ours == 0 && !work->rpc.again)
        return drv_throw(
            error, DRV_ERROR_NOT_FOUND, "'%s' does not run here", swap->ours.name);
    if (theirs == 0 && !work->rpc.again)
        return drv_throw(error,
                         DRV_ERROR_NOT_FOUND,
                         "'%s' does not run at '%s'",
                         swap->theirs.name,
                         host);
    here_kib = here.available_kib - reserve;
    there_kib = there.available_kib - reserve;
    swap->way = there_kib >= ours    ? SWAP_OURS_FIRST
                : here_kib >= theirs ? SWAP_THEIRS_FIRST
                                     : SWAP_BY_FILE;
    return TRUE;
}

static gboolean
move_ours(Work *work, Swap *swap)
{
    g_autofree char *note = NULL;

    return transfer_move(
        work, &swap->ours, &swap->ours_retries, &note, &swap->ours_error);
}

static gboolean
fetch_theirs(Work *work, Swap *swap)
{
    return transfer_fetch(
        work, &swap->theirs, &swap->theirs_retries, &swap->theirs_error);
}

/* @what was not begun, because the other half had failed. */
static void
not_begun(GError **error, const char *other)
{
    (void)drv_throw(error,
                    DRV_ERROR_FAILED,
                    "it stays where it is, because '%s' did not move",
                    other);
}

static gboolean
suspend_ours(Work *work, Swap *swap)
{
    g_autofree char *file =
        transfer_file(work->config, swap->ours.name, &swap->ours_error);
    gint64 began = g_get_monotonic_time();
    g_auto(Vm) vm = { 0 };
    gboolean ok = file && vm_own(work, swap->ours.name, &vm, &swap->ours_error) &&
                  pci_may_leave(work, vm.id, &swap->ours_error) &&
                  vm_run(work,
                         &vm,
                         "suspend",
                         "VM.suspend",
                         json_with_text(json_object_new_object(), "file", file),
                         &swap->ours_error);

    work_time(work, "suspend", swap->ours.name, began);
    return ok;
}

static void
resume_ours(Work *work, Swap *swap)
{
    gint64 began = g_get_monotonic_time();
    g_autoptr(GError) why = NULL;
    g_auto(Vm) vm = { 0 };

    if (vm_find(work, swap->ours.name, &vm, &why) &&
        vm_run(work, &vm, "resume", "VM.resume", NULL, &why) &&
        vm_run(work, &vm, "unpause", "VM.unpause", NULL, &why))
        not_begun(&swap->ours_error, swap->theirs.name);
    else
        (void)drv_throw(&swap->ours_error,
                        DRV_ERROR_FAILED,
                        "it is suspended, and could not be resumed: %s",
                        why->message);
    work_time(work, "resume", swap->ours.name, began);
}

static void
swap_by_file(Work *work, Swap *swap)
{
    gint64 began = g_get_monotonic_time();

    if (!suspend_ours(work, swap)) {
        not_begun(&swap->theirs_error, swap->ours.name);
        return;
    }
    if (!fetch_theirs(work, swap)) {
        resume_ours(work, swap);
        return;
    }
    swap->ours.type = MIGRATE_OFFLINE;
    (void)!move_ours(work, swap);
    work_time(work, "downtime", swap->ours.name, began);
}

static void
exchange(Work *work, Swap *swap)
{
    if (swap->way == SWAP_BY_FILE) {
        swap_by_file(work, swap);
    } else if (swap->way == SWAP_OURS_FIRST) {
        if (!move_ours(work, swap) || !fetch_theirs(work, swap))
            if (swap->ours_error)
                not_begun(&swap->theirs_error, swap->ours.name);
    } else if (!fetch_theirs(work, swap) || !move_ours(work, swap)) {
        if (swap->theirs_error)
            not_begun(&swap->ours_error, swap->theirs.name);
    }
}

/* pscom's processes of both are suspended before anything moves. */
static gboolean
prepare(Work *work, Swap *swap, GError **error)
{
    if (!choose(work, swap, error) ||
        !pscom_suspend(work, swap->ours.name, swap->ours.procs, error))
        return FALSE;
    if (pscom_suspend(work, swap->theirs.name, swap->theirs.procs, error))
        return TRUE;
    if (swap->ours.procs)
        pscom_resume(work, swap->ours.name);
    return FALSE;
}

static void
finish(Work *work, Swap *swap)
{
    if (swap->ours.procs)
        pscom_resume(work, swap->ours.name);
    if (swap->theirs.procs)
        pscom_resume(work, swap->theirs.name);
}

/* One half is ours: an answer that says "success" says it of both. */
static void
answer(Work *work, Swap *swap, gint64 began)
{
    GError *error = g_steal_pointer(&swap->ours_error);
    Outcome *outcome;

    if (error == NULL && swap->theirs_error)
        error = g_error_new(swap->theirs_error->domain,
                            swap->theirs_error->code,
                            "it moved, but '%s' did not: %s",
                            swap->theirs.name,
                            swap->theirs_error->message);
    outcome = work_end(work, swap->ours.name, began, error);
    outcome->retries = swap->ours_retries;
    outcome = outcome_new(swap->theirs.name, swap->theirs_error);
    outcome->retries = swap->theirs_retries;
    work->stopped |= drv_error_is(swap->theirs_error, DRV_ERROR_CANCELLED);
    g_clear_error(&swap->theirs_error);
    g_ptr_array_add(work->outcomes, outcome);
}

void
swap_run(Work *work)
{
    const Item *item = work->item;
    gint64 began = g_get_monotonic_time();
    Transfer common = { .destination = item->destination,
                        .transport = item->transport,
                        .type = (MigrateType)item->type,
                        .rdma = item->rdma,
                        .retries = item->retries,
                        .tagged = TRUE };
    Swap swap = { .ours = common, .theirs = common };
    GError *error = NULL;

    swap.ours.name = item->name;
    swap.ours.procs = item->procs;
    swap.ours.cpus = item->cpus;
    swap.theirs.name = item->swap->name;
    swap.theirs.procs = item->swap->procs;
    swap.theirs.cpus = item->swap->cpus;
    if (!prepare(work, &swap, &error)) {
        (void)work_end(work, item->name, began, error);
        return;
    }
    exchange(work, &swap);
    finish(work, &swap);
    answer(work, &swap, began);
}
