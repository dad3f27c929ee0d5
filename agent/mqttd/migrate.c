/* SPDX-License-Identifier: Apache-2.0 */
/* migrate vm: one VM to another host. */
#include "agent/mqttd/peer.h"
#include "agent/mqttd/transfer.h"
#include "agent/mqttd/work.h"

void
migrate_run(Work *work)
{
    const Item *item = work->item;
    const Transfer transfer = {
        .name = item->name,
        .destination = item->destination,
        .transport = item->transport,
        .type = (MigrateType)item->type,
        .rdma = item->rdma,
        .retries = item->retries,
        .procs = item->procs,
        .cpus = item->cpus,
    };
    gint64 began = g_get_monotonic_time(), retries = 0;
    g_autofree char *note = NULL;
    GError *error = NULL;
    Outcome *outcome;

    if (item->swap) {
        swap_run(work);
        return;
    }
    if (!transfer_run(work, &transfer, &retries, &note, &error))
        g_clear_pointer(&note, g_free);
    outcome = work_end(work, item->name, began, error);
    outcome->retries = retries;
    if (outcome->ok)
        outcome->details = g_steal_pointer(&note);
}
