/* SPDX-License-Identifier: Apache-2.0 */
/* requests.h - the request types that harnesses fill, and what must hold of a filled one.
 */
#pragma once

#include <string.h>

#include "datastore/ds.h"
#include "tm/tm.h"
#include "transport/frame.h"

static const DrvRequestType *const request_types[] = {
    &ds_cp,       &ds_stat,     &ds_mkfs,    &ds_clone,   &ds_rm,
    &ds_snapshot, &ds_export,   &ds_monitor, &tm_clone,   &tm_mv,
    &tm_mvds,     &tm_cpds,     &tm_delete,  &tm_mkimage, &tm_mkswap,
    &tm_resize,   &tm_snapshot, &tm_put,     &tm_migrate, &tm_monitor,
};

static inline gpointer
request_new(guint8 which)
{
    return drv_request_new(request_types[which % G_N_ELEMENTS(request_types)]);
}

/* No path leads up, and the host gets what we have, if that is all it needs. */
static inline void
check_request(gconstpointer request)
{
    const DrvRequestType *type = ((const DrvRequest *)request)->type;
    g_autoptr(DrvRequest) other = drv_request_new(type);
    g_autoptr(GVariant) packed = g_variant_ref_sink(drv_request_pack(request));
    g_autoptr(GVariant) again = NULL;
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < type->n_fields; i++) {
        const DrvField *field = &type->fields[i];
        g_autofree char *padded = NULL;

        if (field->kind != DRV_TEXT || !(field->flags & (DRV_PATH | DRV_PATH_OF)))
            continue;
        padded = g_strdup_printf("/%s/", G_STRUCT_MEMBER(char *, request, field->offset));
        g_assert_null(strstr(padded, "/../"));
    }
    if (!drv_request_unpack(other, packed, &error)) {
        g_assert_nonnull(strstr(error->message, " is missing")); /* only half is filled */
        return;
    }
    again = g_variant_ref_sink(drv_request_pack(other));
    g_assert_true(g_variant_equal(packed, again));
}
