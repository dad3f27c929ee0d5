/* SPDX-License-Identifier: Apache-2.0 */
/* cmd/cmd-private.h - a command's inside; for tests: see commands instead of running
 * them. */
#ifndef DRV_ALLOW_PRIVATE
#error "drv-cmd-private.h is for drv-cmd and tests only"
#endif
#pragma once

#include "cmd/cmd.h"

typedef struct {
    int child_fd;
    int fd;
} DrvFdPair;

struct DrvCmd {
    GPtrArray *argv; /* NULL-terminated between calls */
    GPtrArray *env;  /* "NAME=value", NULL-terminated between calls */
    GArray *fds;     /* DrvFdPair */
    int cwd_fd;      /* -1: ours */
    guint timeout_ms;
};

/* Called instead of running; answers as the program would.  Return the wait status. */
typedef int (*DrvCmdDryRun)(const char *const *argv,
                            GString *out,
                            GString *err,
                            gpointer data);

/* NULL runs for real again. */
void drv_cmd_set_dry_run(DrvCmdDryRun dry_run, gpointer data);
