/* SPDX-License-Identifier: Apache-2.0 */
/* A command that exec has started goes where its guest goes: the file with its number
 * moves to the host whose probe can ask the guest how it ended.  Meanwhile it is set
 * aside and locked, so that the probe here does not take the guest for ended.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "transport/dispatch.h"
#include "virt/exec-files.h"
#include "vmm/kvm/migrate/migrate.h"
#include "vmm/ops/receive.h"

static gboolean
is_ours(const char *domain_name)
{
    const char *number = domain_name + strlen("one-");

    return g_str_has_prefix(domain_name, "one-") && *number &&
           strspn(number, "0123456789") == strlen(number);
}

void
kvm_exec_clear(KvmExec *exec)
{
    g_clear_pointer(&exec->name, g_free);
    g_clear_pointer(&exec->aside, g_free);
    drv_fd_close_one(drv_fd_steal(&exec->dir_fd));
    drv_fd_close_one(drv_fd_steal(&exec->fd));
}

static void
drop(const KvmExec *exec)
{
    g_autoptr(GError) error = NULL;

    if (!drv_path_unlink(exec->dir_fd, KVM_EXEC_DIR, exec->aside, &error))
        drv_warn("%s", error->message);
}

void
kvm_exec_take(KvmExec *exec, DrvDomain *domain)
{
    if (!is_ours(drv_domain_name(domain)))
        return;
    exec->dir_fd = open(KVM_EXEC_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (exec->dir_fd < 0)
        return;
    exec->name = g_strdup(drv_domain_name(domain));
    exec->aside = g_strconcat(KVM_EXEC_ASIDE, exec->name, NULL);
    /* It may be aside already, by a migration that was killed; a newer one counts. */
    if (drv_path_exists(exec->dir_fd, exec->name))
        drop(exec);
    (void)!drv_path_rename_noreplace(exec->dir_fd, exec->name, exec->dir_fd, exec->aside);
    exec->fd = openat(exec->dir_fd, exec->aside, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (exec->fd >= 0)
        (void)flock(exec->fd, LOCK_EX | LOCK_NB);
}

static gboolean
send(const KvmExec *exec, const char *host, GError **error)
{
    g_autoptr(VmmReceive) request = vmm_receive_new(KVM_EXEC_DIR, "file", exec->name);
    g_autoptr(DrvSource) in = drv_source_new_fd(dup(exec->fd), exec->aside);
    g_autofree char *result = NULL;

    return drv_dispatch(host, &vmm_receive_op, request, in, &result, error);
}

void
kvm_exec_put(const KvmExec *exec, const char *host)
{
    g_autoptr(GError) error = NULL;

    if (exec->fd < 0)
        return;
    if (host && !send(exec, host, &error)) {
        drv_warn("the exit status of the command in the guest will be lost: %s",
                 error->message);
        host = NULL;
    }
    /* A command that was started since has the name. */
    if (host || drv_path_rename_noreplace(
                    exec->dir_fd, exec->aside, exec->dir_fd, exec->name) < 0)
        drop(exec);
}
