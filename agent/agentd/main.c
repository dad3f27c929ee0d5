/* SPDX-License-Identifier: Apache-2.0 */
/* drv-agentd - the host agent. */
#include "agent/agentd/agentd.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/file.h>
#include <systemd/sd-daemon.h>

#include "base/action.h"
#include "base/fd.h"
#include "base/log.h"
#include "transport/build.h"

static char *socket_path, *group;
static int pool = 4, deadline_s = 1200, grace_s = 10, stuck_s = 60;
static gboolean show_version;
static Agent agent;

static const GOptionEntry options[] = {
    { "socket", 0, 0, G_OPTION_ARG_FILENAME, &socket_path, "where to listen", "PATH" },
    { "group", 0, 0, G_OPTION_ARG_STRING, &group, "whose members may connect", "NAME" },
    { "directory", 0, 0, G_OPTION_ARG_FILENAME, &agent.directory, "of records", "PATH" },
    { "programs", 0, 0, G_OPTION_ARG_FILENAME, &agent.programs, "of workers", "PATH" },
    { "backend",
      0,
      0,
      G_OPTION_ARG_STRING,
      &agent.backend,
      "libvirt, simulator",
      "NAME" },
    { "uri", 0, 0, G_OPTION_ARG_STRING, &agent.uri, "of libvirt", "URI" },
    { "workers", 0, 0, G_OPTION_ARG_INT, &pool, "operations at a time, 4", "N" },
    { "deadline", 0, 0, G_OPTION_ARG_INT, &deadline_s, "of an operation, 1200", "S" },
    { "grace", 0, 0, G_OPTION_ARG_INT, &grace_s, "from SIGTERM to SIGKILL, 10", "S" },
    { "stuck", 0, 0, G_OPTION_ARG_INT, &stuck_s, "silent for S: not counted, 60", "S" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &show_version, "say which build it is", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
};

static gboolean
read_options(int argc, char **argv, GError **error)
{
    g_autoptr(GOptionContext) context = g_option_context_new("- own this host's VMs");

    g_option_context_add_main_entries(context, options, NULL);
    if (!g_option_context_parse(context, &argc, &argv, error))
        return FALSE;
    if (argc > 1)
        return drv_throw(error, DRV_ERROR_USAGE, "'%s' is not an option", argv[1]);
    if (pool < 1 || pool > 256 || deadline_s < 1 || deadline_s > 86400)
        return drv_throw(error,
                         DRV_ERROR_USAGE,
                         "--workers is from 1 to 256, --deadline from 1 to 86400");
    if (grace_s < 1 || grace_s > 3600 || stuck_s < 1 || stuck_s > 86400)
        return drv_throw(
            error, DRV_ERROR_USAGE, "--grace is from 1 to 3600, --stuck from 1 to 86400");
    agent.pool = (guint)pool;
    agent.deadline_s = (guint)deadline_s;
    agent.grace_s = (guint)grace_s;
    agent.stuck_s = (guint)stuck_s;
    agent.backend = agent.backend ? agent.backend : g_strdup("libvirt");
    if (strcmp(agent.backend, "libvirt") != 0 && strcmp(agent.backend, "simulator") != 0)
        return drv_throw(
            error, DRV_ERROR_USAGE, "the back end '%s' is not known", agent.backend);
    agent.directory =
        agent.directory ? agent.directory : g_strdup("/run/one-native/agent");
    socket_path = socket_path ? socket_path : g_strdup("/run/one-native/agent.sock");
    group = group ? group : g_strdup("oneadmin");
    if (agent.programs == NULL) {
        g_autofree char *self = g_file_read_link("/proc/self/exe", error);

        agent.programs = self ? g_path_get_dirname(self) : NULL;
    }
    return agent.programs != NULL;
}

/* Two agents on one directory would each undo what the other does. */
static gboolean
lock_directory(GError **error)
{
    g_autofree char *path = g_build_filename(agent.directory, "lock", NULL);
    int fd;

    if (g_mkdir_with_parents(agent.directory, 0750) < 0)
        return drv_throw_errno(error, "cannot make '%s'", agent.directory);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return drv_throw_errno(error, "cannot open '%s'", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return drv_throw(
            error, DRV_ERROR_BUSY, "another agent owns '%s'", agent.directory);
    return TRUE; /* held until the end */
}

/* What a VM is now is not what the records say: ask, first of all. */
static void
look_at_all(void)
{
    GHashTableIter iter;
    Vm *vm;

    g_hash_table_iter_init(&iter, agent.vms);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&vm)) {
        if (vm->record == NULL)
            continue;
        if (vm->running)
            continue;
        if (strcmp(agent.backend, "libvirt") == 0)
            vm_set_unknown(&agent, vm, "the agent was started");
        if (vm->unsurvivable) /* the others when libvirt has said what it has */
            queue_check(&agent, vm, "the agent was started", TRUE);
    }
}

static gboolean
open_all(GError **error)
{
    agent.damaged = g_ptr_array_new_with_free_func(g_free);
    agent.subscribers = g_ptr_array_new();
    agent.changed = g_hash_table_new(g_str_hash, g_str_equal);
    commit_open(&agent);
    return lock_directory(error) && store_open(&agent, error) &&
           workers_watch(&agent, error) && objects_load(&agent, error) &&
           tasks_load(&agent, error) && events_open(&agent, error) &&
           conns_listen(&agent, socket_path, group, error);
}

static gboolean
on_signal(gpointer data)
{
    g_main_loop_quit(data);
    return G_SOURCE_REMOVE;
}

static gboolean
feed_watchdog(gpointer data)
{
    (void)data;
    (void)sd_notify(0, "WATCHDOG=1");
    return G_SOURCE_CONTINUE;
}

static int
say_version(void)
{
    g_autofree char *text = g_strdup_printf("drv-agentd (one-native) %s", drv_build());

    return drv_action_reply_text(text);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    uint64_t watchdog = 0;

    drv_log_set_name("drv-agentd");
    journal_open();
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* an error of write(), as a full disk is */
    if (!read_options(argc, argv, &error) || (!show_version && !open_all(&error))) {
        drv_error_log("%s", error->message);
        return error->domain == DRV_ERROR ? drv_error_exit_status(drv_error_code(error))
                                          : 1;
    }
    if (show_version)
        return say_version();
    updates_load(&agent);
    look_at_all();
    agent.loop = g_main_loop_new(NULL, FALSE);
    g_unix_signal_add(SIGTERM, on_signal, agent.loop);
    g_unix_signal_add(SIGINT, on_signal, agent.loop);
    if (sd_watchdog_enabled(0, &watchdog) > 0)
        g_timeout_add((guint)(watchdog / 2000), feed_watchdog, NULL);
    (void)sd_notify(0, "READY=1");
    drv_info("ready: %u VMs, back end %s", g_hash_table_size(agent.vms), agent.backend);
    g_main_loop_run(agent.loop);
    return 0;
}
