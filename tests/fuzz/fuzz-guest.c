/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest's agent answers. */
#include <stdint.h>

#include "virt/agent-exec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *answer = g_strndup((const char *)data, size);
    g_auto(DrvAgentExec) exec = { 0 };
    g_autoptr(GError) status = NULL;
    g_autoptr(GError) start = NULL;
    gboolean parsed = drv_agent_exec_parse(answer, &exec, &status);
    gint64 pid = drv_agent_exec_pid(answer, &start);

    g_assert_true(parsed == (status == NULL) && pid >= 0 && (pid > 0) == (start == NULL));
    return 0;
}
