/* SPDX-License-Identifier: Apache-2.0 */
/* request/core.h - questions to oned, over its XML-RPC interface.
 *
 * Endpoint and credentials are those of the command line tools: ONE_XMLRPC, then
 * ~/.one/one_endpoint, then http://localhost:2633/RPC2; the file ONE_AUTH names, then
 * ~/.one/one_auth.  Where those credentials cannot be read, or nothing listens, `onevm
 * show -x` and its like are asked instead.  One answer may take CORE_TIMEOUT seconds
 * (one-native.conf, default 30).
 *
 * Errors: DRV_ERROR_CORE (no answer, or not a sensible one), DRV_ERROR_NOT_FOUND (oned
 * says there is no such object), DRV_ERROR_CANCELLED.
 */
#pragma once

#include <glib.h>

#include "request/dump.h"

typedef enum {
    DRV_CORE_VM,
    DRV_CORE_DATASTORE,
    DRV_CORE_HOST,
    DRV_CORE_HOST_POOL,
    DRV_CORE_DATASTORE_POOL
} DrvCoreObject;

/* The XML of one object (@id is ignored for pools).  NULL with @error. */
DrvDump *drv_core_info(DrvCoreObject object, gint64 id, GError **error);

/* Merge the attributes @text ("NAME = \"value\"") into the user template of VM @id,
 * within
 * @timeout_s seconds.  By XML-RPC only.
 */
gboolean drv_core_update_vm(gint64 id, const char *text, guint timeout_s, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* For tests and the fuzzer: the XML inside an XML-RPC answer. */
DrvDump *drv_core_parse_answer(const char *answer, gsize size, GError **error);
