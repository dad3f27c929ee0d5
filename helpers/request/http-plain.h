/* SPDX-License-Identifier: Apache-2.0 */
/* request/http-plain.h - ask an oned whose address needs no resolver, as the one on this
 * machine, without libcurl.
 *
 * A second client is worth its lines because each action is a process that asks once:
 * loading libcurl and the 30 libraries behind it takes 6.4 of the 10.0 ms of processor
 * time that tm/qcow2/clone needs on the front-end with it, against 3.6 ms without ("make
 * bench", tm.qcow2.clone_by_libcurl.cpu; median of 60).
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
 * for anything but an HTTP answer with status 200 within @timeout_s.
 */
gboolean drv_http_plain_post(const char *url,
                             const char *call,
                             guint timeout_s,
                             GString *answer,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
