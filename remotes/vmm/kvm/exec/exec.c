/* SPDX-License-Identifier: Apache-2.0 */
/* exec and exec_cancel: one command at a time in the guest, through its agent.  Its
 * process number is kept for the probe that reports its end.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "stage/stage.h"
#include "virt/agent-exec.h"
#include "virt/exec-files.h"
#include "vmm/ops/session.h"
#include "vmm/vmm.h"

#define DIRECTORY KVM_EXEC_DIR
#define AGENT_TIMEOUT_S 15
#define LOCK_WAIT_MS 60000
#define LOCK_AGAIN_MS 50

typedef struct {
    VmmSession vmm;
    int dir_fd;
    int lock_fd;
    char *name; /* one-<vm> */
} ExecSession;

static void
exec_session_clear(ExecSession *session)
{
    vmm_session_clear(&session->vmm);
    if (session->name)
        drv_exec_files_unlock(session->dir_fd, session->name, session->lock_fd);
    g_clear_pointer(&session->name, g_free);
    drv_fd_close_one(session->dir_fd);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ExecSession, exec_session_clear)

static gboolean
take_lock(ExecSession *session, GError **error)
{
    gint64 end = g_get_monotonic_time() + LOCK_WAIT_MS * 1000;

    session->dir_fd = drv_path_make_dir(DIRECTORY, error);
    if (session->dir_fd < 0)
        return FALSE;
    for (;;) {
        g_autoptr(GError) busy = NULL;

        session->lock_fd = drv_exec_files_lock(session->dir_fd, session->name, &busy);
        if (session->lock_fd >= 0)
            return TRUE;
        if (!drv_error_is(busy, DRV_ERROR_BUSY) || g_get_monotonic_time() > end) {
            g_propagate_error(error, g_steal_pointer(&busy));
            return FALSE;
        }
        if (drv_poll(NULL, 0, LOCK_AGAIN_MS, error) < 0)
            return FALSE;
    }
}

static gboolean
exec_session_open(ExecSession *session, const VmmExec *request, GError **error)
{
    const char *id = request->deploy_id;

    session->dir_fd = session->lock_fd = -1;
    if (*request->vm_id == '\0' ||
        strspn(request->vm_id, "0123456789") != strlen(request->vm_id))
        return drv_throw(
            error, DRV_ERROR_USAGE, "VM_ID: not a number: '%s'", request->vm_id);
    session->name = g_strdup_printf("one-%s", request->vm_id);
    return vmm_session_open_named(&session->vmm, *id ? id : session->name, error) &&
           take_lock(session, error);
}

/* --- exec
 * -------------------------------------------------------------------------------- */

static gboolean
parse_command(const VmmExec *request, char ***words, GError **error)
{
    g_autoptr(GError) why = NULL;

    if (!g_utf8_validate(request->command, -1, NULL) ||
        strspn(request->input,
               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") !=
            strlen(request->input))
        return drv_throw(error, DRV_ERROR_USAGE, "the command is not valid UTF-8");
    if (!g_shell_parse_argv(request->command, NULL, words, &why))
        return drv_throw(error, DRV_ERROR_USAGE, "the command: %s", why->message);
    return TRUE;
}

static gboolean
keep_pid(ExecSession *session, gint64 pid, GError **error)
{
    g_autofree char *path = g_build_filename(DIRECTORY, session->name, NULL);
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT "\n", pid);
    g_autoptr(GError) why = NULL;

    return g_file_set_contents(path, text, -1, &why) ||
           drv_throw(error, DRV_ERROR_FAILED, "%s", why->message);
}

static gboolean
run_exec(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const VmmExec *request = data;
    g_auto(ExecSession) session = { .dir_fd = -1, .lock_fd = -1 };
    g_auto(GStrv) words = NULL;
    gint64 pid;

    (void)in;
    (void)result;
    if (!parse_command(request, &words, error) ||
        !exec_session_open(&session, request, error))
        return FALSE;
    pid = drv_agent_exec_start(session.vmm.domain,
                               (const char *const *)words,
                               request->input,
                               AGENT_TIMEOUT_S,
                               error);
    return pid > 0 && keep_pid(&session, pid, error);
}

static gboolean
run_cancel(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const VmmExec *request = data;
    g_auto(ExecSession) session = { .dir_fd = -1, .lock_fd = -1 };
    g_autofree char *path = NULL;
    g_autofree char *pid = NULL;

    (void)in;
    (void)result;
    if (!exec_session_open(&session, request, error))
        return FALSE;
    path = g_build_filename(DIRECTORY, session.name, NULL);
    if (!g_file_get_contents(path, &pid, NULL, NULL))
        return TRUE; /* nothing runs */
    g_strstrip(pid);
    if (*pid && strspn(pid, "0123456789") == strlen(pid)) {
        const char *words[] = { "kill", "-9", pid, NULL };

        if (drv_agent_exec_start(session.vmm.domain, words, "", AGENT_TIMEOUT_S, error) ==
            0)
            return FALSE;
    }
    return drv_path_remove_tree(session.dir_fd, DIRECTORY, session.name, error);
}

const DrvOp kvm_exec = { .name = "kvm.exec", .request = &vmm_exec, .run = run_exec };
const DrvOp kvm_exec_cancel = { .name = "kvm.exec_cancel",
                                .request = &vmm_exec_cancel,
                                .run = run_cancel };
