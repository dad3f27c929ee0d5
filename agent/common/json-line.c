/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/common/json-line.h"

#include <string.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"

void
agent_print_line(json_object *line, const char *why_ignored)
{
    DRV_CANCEL_SHIELD();
    g_autofree char *json = drv_json_print(line);
    g_autofree char *text = g_strconcat(json, "\n", NULL);
    g_autoptr(GError) ignored = NULL;

    if (!drv_fd_write_all(STDOUT_FILENO, text, strlen(text), "stdout", &ignored))
        drv_ignore(&ignored, why_ignored);
    json_object_put(line);
}
