/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"
#include "base/error.h"
#include "virt/block.h"
#include "vmm/ops/session.h"
#include "vmm/vmm.h"

static gboolean
resize_disk(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const VmmResizeDisk *request = data;
    g_auto(VmmSession) session = { 0 };

    (void)in;
    (void)result;
    if (!vmm_session_open(&session, request, error))
        return FALSE;
    if (request->size_mib == 0 || request->size_mib > G_MAXINT64 / DRV_MIB)
        return drv_throw(error,
                         DRV_ERROR_USAGE,
                         "invalid disk size: %" G_GUINT64_FORMAT " MiB",
                         request->size_mib);
    return drv_block_resize(
        session.domain, request->target, request->size_mib * DRV_MIB, error);
}

const DrvOp kvm_resize_disk = { .name = "kvm.resize_disk",
                                .request = &vmm_resize_disk,
                                .run = resize_disk };
