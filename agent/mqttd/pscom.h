/* SPDX-License-Identifier: Apache-2.0 */
/* pscom.h - processes in a guest close their connections before it moves, and open them
 * again afterwards; they hear of it through the broker.
 */
#pragma once

#include "agent/mqttd/work.h"

/* Ask the processes in @vm to suspend, and wait until @procs different ones have
 * answered, pscom-handler.timeout for each; PROCS_AUTO: all who answer in that time. When
 * some are missing, those that have answered are resumed, and it is an error.
 */
gboolean pscom_suspend(Work *work, const char *vm, gint64 procs, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Let them go on, wherever @vm is now. */
void pscom_resume(Work *work, const char *vm);
