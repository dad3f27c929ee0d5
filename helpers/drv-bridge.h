/* SPDX-License-Identifier: Apache-2.0 */
/* drv-bridge.h - which of a datastore's bridge hosts does the work. */
#pragma once

#include <glib.h>

/* A host of @bridges that oned does not call off, in error or disabled; the one at
 * @pick modulo their number.  "" when @bridges is empty: the front-end itself does it.
 * When oned cannot be asked, all count as good.  NULL with DRV_ERROR_REMOTE when none is
 * left.  Caller frees.
 */
char *drv_bridge_host(const char *const *bridges, guint64 pick, GError **error);
