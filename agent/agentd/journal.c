/* SPDX-License-Identifier: Apache-2.0 */
/* journal.c - under systemd, messages go to the journal with the task and the VM that
 * they are about as fields: journalctl ONE_NATIVE_VM=web.  Elsewhere they are lines on
 * stderr.
 */
#include "agent/agentd/agentd.h"

#include <sys/stat.h>
#include <sys/uio.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/log.h"

static struct {
    char *task, *vm;
} about;

/* What the next message is about. */
void
journal_about(const char *task, const char *vm)
{
    g_free(about.task);
    g_free(about.vm);
    about.task = g_strdup(task);
    about.vm = g_strdup(vm);
}

static void
add_field(GPtrArray *fields, const char *name, const char *value)
{
    if (value)
        g_ptr_array_add(fields, g_strconcat(name, "=", value, NULL));
}

static void
send_message(DrvLogLevel level, const char *text, gpointer data)
{
    static const char *const priorities[] = { "3", "4", "6", "7" }; /* of syslog(3) */
    g_autoptr(GPtrArray) fields = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *safe = drv_log_escape(text);
    struct iovec parts[5];

    (void)data;
    add_field(fields, "MESSAGE", safe);
    add_field(fields, "PRIORITY", priorities[level]);
    add_field(fields, "SYSLOG_IDENTIFIER", "drv-agentd");
    add_field(fields, "ONE_NATIVE_TASK", about.task);
    add_field(fields, "ONE_NATIVE_VM", about.vm);
    for (guint i = 0; i < fields->len; i++)
        parts[i] = (struct iovec){ .iov_base = g_ptr_array_index(fields, i),
                                   .iov_len = strlen(g_ptr_array_index(fields, i)) };
    (void)sd_journal_sendv(parts, (int)fields->len);
    journal_about(NULL, NULL);
}

/* "8:123" says which stream the journal reads; ours may have been redirected. */
void
journal_open(void)
{
    const char *said = g_getenv("JOURNAL_STREAM");
    g_autofree char *ours = NULL;
    struct stat st;

    if (said == NULL || fstat(STDERR_FILENO, &st) < 0)
        return;
    ours = g_strdup_printf(
        "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    if (strcmp(said, ours) == 0)
        drv_log_set_sink(send_message, NULL);
}
