/* SPDX-License-Identifier: Apache-2.0 */
/* request/http-plain.h - ask an oned whose address needs no resolver, as the one on this
 * machine, without a library: loading libcurl takes as long as oned's answer.
 */
#pragma once

#include <glib.h>

#include "request/dump.h"

/* TRUE for "http://localhost:2633/RPC2" and numeric addresses; names, https, passwords
 * and proxies (environment variable http_proxy or all_proxy) are libcurl's.
 */
gboolean drv_http_plain_can(const char *url);

/* POST @call to such an @url; the answer's body is appended to @answer, at most
 * DRV_DUMP_MAX bytes.  DRV_ERROR_NO_HOST when nothing listens there, DRV_ERROR_CORE
 * for all that is no HTTP answer with status 200 within @timeout_s.
 */
gboolean drv_http_plain_post(const char *url,
                             const char *call,
                             guint timeout_s,
                             GString *answer,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
