/* SPDX-License-Identifier: Apache-2.0 */
/* process.c - programs that outlive the core, or end when they like: neither is what
 * drv-cmd is for, which waits.
 */
#include "agent/agentd/agentd.h"

#include <sys/syscall.h>
#include <unistd.h>

/* Field 22 of /proc/PID/stat; 0: there is no such process, or it is a zombie. */
guint64
process_start_time(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *text = NULL;
    g_auto(GStrv) fields = NULL;
    char *behind;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    behind = strrchr(text, ')');
    if (behind == NULL || behind[1] == '\0')
        return 0;
    fields = g_strsplit(behind + 2, " ", 0);
    if (g_strv_length(fields) < 20 || fields[0][0] == 'Z')
        return 0;
    return g_ascii_strtoull(fields[19], NULL, 10);
}

int
process_open(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* A group of its own: it is killed with all it started, and a signal to the core's group
 * is not for it.
 */
static void
in_child(gpointer data)
{
    (void)data;
    (void)setpgid(0, 0);
}

gboolean
process_spawn(Agent *agent, const char *name, int in, int out, pid_t *pid, GError **error)
{
    g_autofree char *program = g_build_filename(agent->programs, name, NULL);
    const char *argv[] = { program, NULL };
    GPid child;

    if (!g_spawn_async_with_pipes_and_fds(NULL,
                                          argv,
                                          NULL,
                                          G_SPAWN_DO_NOT_REAP_CHILD,
                                          in_child,
                                          NULL,
                                          in,
                                          out,
                                          -1,
                                          NULL,
                                          NULL,
                                          0,
                                          &child,
                                          NULL,
                                          NULL,
                                          NULL,
                                          error))
        return FALSE;
    *pid = child;
    return TRUE;
}
