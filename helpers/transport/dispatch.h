/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch.h - run an op where its data is: in this process, or in a host's worker. */
#pragma once

#include "request/op.h"

/* Run @op at @host: in this process when that is this machine, else by its worker.
 *
 * @in is a stream for the op, or NULL; it is read to the end (stays the caller's).
 * Errors are those of the op with their codes, DRV_ERROR_NO_HOST when the host
 * could not be reached, DRV_ERROR_REMOTE when it was lost.
 */
gboolean drv_dispatch(const char *host,
                      const DrvOp *op,
                      gpointer request,
                      DrvSource *in,
                      char **result,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* As drv_dispatch(), without a stream, for a request that is not complete yet: @complete
 * fills in what it lacks, while the connection to @host is already being made.
 */
typedef gboolean (*DrvDispatchComplete)(gpointer request, gpointer data, GError **error);
gboolean drv_dispatch_incomplete(const char *host,
                                 const DrvOp *op,
                                 gpointer request,
                                 DrvDispatchComplete complete,
                                 gpointer data,
                                 char **result,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* As drv_dispatch(), at the first of @hosts (not empty) that can be reached and, without
 * @in, reaches the storage; others are logged and skipped.
 */
gboolean drv_dispatch_any(const char *const *hosts,
                          const DrvOp *op,
                          gpointer request,
                          DrvSource *in,
                          char **result,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE for "", localhost and this machine's own name. */
gboolean drv_dispatch_is_here(const char *host);
