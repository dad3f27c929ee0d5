/* SPDX-License-Identifier: Apache-2.0 */
/* transfer/status-private.h - for readers of statuses. */
#pragma once

#include <glib.h>

/* The status directory, made if missing; NULL when there is no place for it.  Caller
 * frees.
 */
char *drv_status_dir(void);
