/* SPDX-License-Identifier: Apache-2.0 */
/* virt/agent-exec.h - a program in the guest, run by its agent: the commands guest-exec
 * and guest-exec-status of QEMU's guest agent protocol.  Everything that comes back is
 * chosen by the guest.
 */
#pragma once

#include <glib.h>

#include "virt/virt.h"

/* What is known of it. */
typedef struct {
    gboolean exited;
    gint64 code;     /* exit status; 128 and the signal's number; 0 until it has exited */
    char *out, *err; /* base64, at most DRV_AGENT_EXEC_OUTPUT characters; NULL: unknown */
} DrvAgentExec;

#define DRV_AGENT_EXEC_OUTPUT ((gsize)256 << 10) /* a multiple of 4: complete bytes */

void drv_agent_exec_clear(DrvAgentExec *exec);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DrvAgentExec, drv_agent_exec_clear)

/* Start @words (UTF-8, up to NULL) in the guest; its standard input is @input (base64, ""
 * for none), its output is kept by the agent.  The pid, or 0 with @error.
 */
gint64 drv_agent_exec_start(DrvDomain *domain,
                            const char *const *words,
                            const char *input,
                            guint timeout_s,
                            GError **error);

/* Fill @exec of the process that had @pid.  DRV_ERROR_NOT_FOUND when the agent answers
 * but has no such process, as after a restart of the guest.
 */
gboolean drv_agent_exec_status(DrvDomain *domain,
                               gint64 pid,
                               guint timeout_s,
                               DrvAgentExec *exec,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- their JSON, for tests -------------------------------------------------------------
 */

/* {"execute":"guest-exec","arguments":{"path":P,"arg":[A…],"capture-output":true}}, with
 * "input-data" when @input is not "".  Caller frees.
 */
char *drv_agent_exec_command(const char *const *words, const char *input);

/* N of {"return":{"pid":N}}; 0 with DRV_ERROR_DUMP or DRV_ERROR_VIRT. */
gint64 drv_agent_exec_pid(const char *answer, GError **error);

/* The answer to guest-exec-status; DRV_ERROR_DUMP when it is not one. */
gboolean drv_agent_exec_parse(const char *answer,
                              DrvAgentExec *exec,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
