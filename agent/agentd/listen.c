/* SPDX-License-Identifier: Apache-2.0 */
/* listen.c - the socket, and who may connect. */
#include "agent/agentd/agentd.h"

#include <errno.h>
#include <glib-unix.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "base/fd.h"
#include "base/log.h"

#define BACKLOG 1024
#define ACCEPTS_A_TURN 32
#define MAX_REFUSED 64
#define KEPT_DESCRIPTORS 1024 /* two or three per worker, and records */

/* --- who may --------------------------------------------------------------------------
 */

/* root, who runs the agent, and members of the group: as the kernel knows the peer, not
 * as a name service does, which may take its time.
 */
static gboolean
is_allowed(Agent *agent, int fd)
{
    struct ucred peer;
    gid_t groups[1024];
    socklen_t size = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return FALSE;
    if (peer.uid == 0 || peer.uid == geteuid() || peer.gid == agent->gid)
        return TRUE;
    size = sizeof groups;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
        return FALSE;
    for (gsize i = 0; i < size / sizeof *groups; i++) {
        if (groups[i] == agent->gid)
            return TRUE;
    }
    return FALSE;
}

/* FALSE: nobody is waiting. */
static gboolean
accept_one(Agent *agent, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return FALSE;
    if (g_hash_table_size(agent->conns) >= agent->max_clients + MAX_REFUSED)
        close(fd); /* not even this many are told why */
    else if (!is_allowed(agent, fd))
        conn_refuse(agent, fd, 403, "Forbidden");
    else if (g_hash_table_size(agent->conns) >= agent->max_clients)
        conn_refuse(agent, fd, 503, "Too many clients");
    else
        conn_new(agent, fd);
    return TRUE;
}

static gboolean
can_accept(int listener, GIOCondition condition, gpointer data)
{
    (void)condition;
    for (guint i = 0; i < ACCEPTS_A_TURN && accept_one(data, listener); i++)
        ;
    return G_SOURCE_CONTINUE;
}

/* Clients are refused before descriptors for workers and records run out. */
static void
limit_clients(Agent *agent)
{
    struct rlimit limit;

    agent->max_clients = AGENT_MAX_CLIENTS;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = MIN(limit.rlim_max, AGENT_MAX_CLIENTS + KEPT_DESCRIPTORS);
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < AGENT_MAX_CLIENTS + KEPT_DESCRIPTORS)
        agent->max_clients = (guint)limit.rlim_cur / 2;
}

/* --- the socket -----------------------------------------------------------------------
 */

/* TRUE when somebody answers there. */
static gboolean
is_alive(const struct sockaddr_un *address)
{
    g_auto(DrvFd) fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;
}

static int
bind_socket(const char *path, gid_t gid, GError **error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    g_auto(DrvFd) fd = -1;

    if (strlen(path) >= sizeof address.sun_path) {
        (void)drv_throw(error, DRV_ERROR_CONFIG, "the socket's path is too long");
        return -1;
    }
    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    if (is_alive(&address)) {
        (void)drv_throw(error, DRV_ERROR_BUSY, "an agent listens on '%s' already", path);
        return -1;
    }
    (void)unlink(path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
        chmod(path, 0660) < 0 || listen(fd, BACKLOG) < 0) {
        (void)drv_throw_errno(error, "cannot listen on '%s'", path);
        return -1;
    }
    if (gid != getegid() && chown(path, (uid_t)-1, gid) < 0)
        drv_warn("cannot give '%s' to the group: %s", path, g_strerror(errno));
    return drv_fd_steal(&fd);
}

gboolean
conns_listen(Agent *agent, const char *path, const char *group, GError **error)
{
    const struct group *entry = getgrnam(group);
    int fd;

    agent->gid = entry ? entry->gr_gid : getegid();
    if (entry == NULL)
        drv_warn("there is no group '%s'; only this user and root may connect", group);
    limit_clients(agent);
    agent->conns = g_hash_table_new(NULL, NULL);
    fd = sd_listen_fds(1) == 1 ? SD_LISTEN_FDS_START
                               : bind_socket(path, agent->gid, error);
    if (fd < 0)
        return FALSE;
    if (!g_unix_set_fd_nonblocking(fd, TRUE, error)) /* systemd's is not */
        return FALSE;
    g_unix_fd_add(fd, G_IO_IN, can_accept, agent);
    return TRUE;
}
