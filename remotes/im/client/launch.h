/* SPDX-License-Identifier: Apache-2.0 */
/* launch.h - what run_monitord_client and run_probes do. */
#pragma once

#include "im/client/client.h"

/* Run the executables of <remotes>/im/@name.d with @argv and @config on stdin.  Stock
 * clients that an installation left there beside ours are not started.
 */
gboolean im_launch(const char *name,
                   const char *const *argv,
                   const char *config,
                   GString *out,
                   GError **error) G_GNUC_WARN_UNUSED_RESULT;
