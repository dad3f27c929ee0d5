/* SPDX-License-Identifier: Apache-2.0 */
/* cmd/cmd-private.h - a command's inside. */
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
    int input_fd;    /* of drv_cmd_input(); -1: none */
    guint timeout_ms;
    const char *phase; /* of the status; NULL: it is not ours */
    guint64 total;
};
