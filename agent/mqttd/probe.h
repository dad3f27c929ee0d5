/* SPDX-License-Identifier: Apache-2.0 */
/* probe.h - whether a guest can be reached. */
#pragma once

#include <glib.h>

/* Connect to @host until an ssh server greets ("SSH-"), each second, at most @timeout_s.
 * Nobody logs in.  DRV_ERROR_TIMEOUT, with the last reason.
 */
gboolean probe_ssh(const char *host, int port, int timeout_s, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
