/* SPDX-License-Identifier: Apache-2.0 */
/* transport/bridge.h - which of a datastore's bridge hosts does the work. */
#pragma once

#include <glib.h>

/* The hosts of @bridges that oned does not call off, in error or disabled, from the one
 * at
 * @pick modulo their number on.  [""] when @bridges is empty: the front-end itself does
 * it.  When oned cannot be asked, all count as good.  NULL with DRV_ERROR_NO_HOST when
 * none is left.  Caller frees.
 */
char **drv_bridge_hosts(const char *const *bridges, guint64 pick, GError **error);

/* The first of them; caller frees. */
char *drv_bridge_host(const char *const *bridges, guint64 pick, GError **error);
