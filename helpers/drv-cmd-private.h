/* SPDX-License-Identifier: Apache-2.0 */
/* drv-cmd-private.h - for tests: see the commands instead of running them. */
#ifndef DRV_ALLOW_PRIVATE
#error "drv-cmd-private.h is for drv-cmd.c and tests only"
#endif
#pragma once

#include "drv-cmd.h"

/* Called instead of running; answers as the program would.  Return the wait status. */
typedef int (*DrvCmdDryRun)(const char *const *argv,
                            GString *out,
                            GString *err,
                            gpointer data);

/* NULL runs for real again. */
void drv_cmd_set_dry_run(DrvCmdDryRun dry_run, gpointer data);
