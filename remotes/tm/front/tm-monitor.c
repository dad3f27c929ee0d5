/* SPDX-License-Identifier: Apache-2.0 */
/* What a front-end of this release is told of the VMs' disks, and by which way. */
#include <string.h>

#include "base/action.h"
#include "base/error.h"
#include "base/log.h"
#include "monitor/monitord.h"
#include "tm/tm.h"

/* Split "25 DISK_SIZE=…" in place. */
static const char *
split_vm(char *line)
{
    char *blank = strchr(line, ' ');

    if (blank == NULL)
        return "";
    *blank = '\0';
    return blank + 1;
}

static void
send_to_monitord(char **lines)
{
    g_autoptr(GString) data = g_string_new(NULL);
    DrvMonitorMessage message = { .type = "MONITOR_VM", .host_id = -1 };
    g_autoptr(GError) error = NULL;

    for (guint i = 0; lines[i] && *lines[i]; i++) {
        const char *sizes = split_vm(lines[i]);
        g_autofree char *coded = g_base64_encode((const guchar *)sizes, strlen(sizes));

        g_string_append_printf(data, "VM=[ID=%s, MONITOR=\"%s\"]\n", lines[i], coded);
    }
    if (data->len == 0)
        return;
    message.data = data->str;
    if (!drv_monitord_send_local(&message, &error))
        drv_warn("the sizes of disks are not reported: %s", error->message);
}

char *
tm_monitor_answer(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    GString *answer = g_string_new(lines[0]);

    g_string_append_c(answer, '\n');
    if (drv_release_at_least(drv_action_release(), 5, 12, 0)) {
        send_to_monitord(lines + 1);
        return g_string_free(answer, FALSE);
    }
    for (guint i = 1; lines[i] && *lines[i]; i++) {
        const char *sizes = split_vm(lines[i]);

        g_string_append_printf(answer, "VM=[ID=%s,POLL=\"%s\"]\n", lines[i], sizes);
    }
    return g_string_free(answer, FALSE);
}
