/* SPDX-License-Identifier: Apache-2.0 */
/* transfer.h - one VM to another host, and back again if need be. */
#pragma once

#include "agent/mqttd/work.h"

typedef struct {
    const char *name, *destination;
    const char *transport; /* NULL: the configuration's */
    MigrateType type;
    gboolean rdma;
    gint64 retries, procs;
    json_object *cpus; /* may be NULL */
    gboolean tagged;   /* times are named after the VM, too */
} Transfer;

/* "qemu+ssh://HOST/system"; caller frees. */
char *transfer_uri(const Config *config, const char *transport, const char *host);

/* "rdma://HOST-ib", where the data of a migration by RDMA go; caller frees. */
char *transfer_rdma_uri(const Config *config, const char *host);

/* Move this host's VM there.  *retries: how many it took; *note: what else is to be said
 * of a success (NULL: nothing), the caller's.
 */
gboolean transfer_run(Work *work,
                      const Transfer *transfer,
                      gint64 *retries,
                      char **note,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same without pscom's part, as a swap needs it. */
gboolean transfer_move(Work *work,
                       const Transfer *transfer,
                       gint64 *retries,
                       char **note,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The other way round: bring the VM of that name from the host @transfer->destination. */
gboolean transfer_fetch(Work *work,
                        const Transfer *transfer,
                        gint64 *retries,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The file that an offline migration goes through; caller frees. */
char *transfer_file(const Config *config, const char *name, GError **error);
