/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that exec started in guests: each that has ended is reported once.  exec keeps
 * the number of the guest's process in a file named after the VM.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "im/base/im.h"
#include "virt/agent-exec.h"
#include "virt/exec-files.h"

#define DIRECTORY KVM_EXEC_DIR
#define ASIDE KVM_EXEC_ASIDE
#define AGENT_TIMEOUT_S 5
#define LOST_CODE 255
#define LOST_TEXT "the guest does not know of this command any more"
#define AWAY_TEXT                                                                        \
    "the VM is not on this host any more: how the command ended is not known"

typedef struct {
    ImContext *im;
    GString *out;
    int dir_fd;
} Look;

static void
report(const Look *look, gint64 vm, guint64 pid, const DrvAgentExec *end)
{
    g_string_append_printf(look->out,
                           "VM = [ ID=\"%" G_GINT64_FORMAT "\", PID=\"%" G_GUINT64_FORMAT
                           "\", STATUS=\"DONE\", RETURN_CODE=\"%" G_GINT64_FORMAT "\", ",
                           vm,
                           pid,
                           end->code);
    g_string_append_printf(look->out,
                           "STDOUT=\"%s\", STDERR=\"%s\" ]\n",
                           end->out ? end->out : "",
                           end->err ? end->err : "");
}

/* The end of a command that nobody will ever know more of. */
static void
tell_lost(const Look *look, gint64 vm, guint64 pid, const char *why)
{
    g_auto(DrvAgentExec) end = { .code = LOST_CODE };

    end.err = g_base64_encode((const guchar *)why, strlen(why));
    report(look, vm, pid, &end);
}

/* TRUE when nothing more is to be expected of it. */
static gboolean
ask(const Look *look, DrvDomain *domain, gint64 vm, guint64 pid)
{
    g_autoptr(GError) why = NULL;
    g_auto(DrvAgentExec) end = { 0 };

    if (drv_agent_exec_status(domain, (gint64)pid, AGENT_TIMEOUT_S, &end, &why)) {
        if (end.exited)
            report(look, vm, pid, &end);
        return end.exited;
    }
    if (!drv_error_is(why, DRV_ERROR_NOT_FOUND))
        return FALSE;
    tell_lost(look, vm, pid, LOST_TEXT); /* the guest was started again */
    return TRUE;
}

static gboolean
look_at(const Look *look, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(DIRECTORY, name, NULL);
    g_autofree char *text = NULL;
    g_autoptr(DrvDomain) domain = NULL;
    g_autoptr(GError) why = NULL;
    DrvVirt *virt;
    guint64 pid;

    if (!g_file_get_contents(path, &text, NULL, NULL) ||
        !g_ascii_string_to_unsigned(g_strstrip(text), 10, 1, G_MAXINT64, &pid, NULL))
        return TRUE;
    virt = im_virt(look->im, error);
    if (virt == NULL)
        return FALSE;
    domain = drv_virt_find(virt, name, &why);
    if (domain == NULL && !drv_error_is(why, DRV_ERROR_NOT_FOUND)) {
        im_virt_drop(look->im);
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (domain == NULL)
        tell_lost(look, im_vm_id(name), pid, AWAY_TEXT);
    else if (!ask(look, domain, im_vm_id(name), pid))
        return TRUE;
    return drv_path_unlink(look->dir_fd, DIRECTORY, name, error);
}

/* While a command is being started its file is not to be removed: the next time. */
static gboolean
look_locked(const Look *look, const char *name, GError **error)
{
    g_autoptr(GError) busy = NULL;
    int lock_fd = drv_exec_files_lock(look->dir_fd, name, &busy);
    gboolean ok;

    if (lock_fd < 0) {
        drv_ignore(&busy, "it is looked at the next time");
        return TRUE;
    }
    ok = look_at(look, name, error);
    drv_exec_files_unlock(look->dir_fd, name, lock_fd);
    return ok;
}

/* A file that a migration had set aside, and nobody holds any more, is back. */
static void
put_back(int dir_fd, const char *name)
{
    g_auto(DrvFd) fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    g_autoptr(GError) error = NULL;

    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
        return;
    /* A command that was started since has the name. */
    if (drv_path_rename_noreplace(dir_fd, name, dir_fd, name + strlen(ASIDE)) < 0 &&
        !drv_path_unlink(dir_fd, DIRECTORY, name, &error))
        drv_ignore(&error, "it is tried again");
}

static gboolean
report_vm_execution(ImContext *im, GString *out, GError **error)
{
    g_auto(DrvFd) dir_fd = open(DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    Look look = { im, out, dir_fd };
    g_autoptr(GDir) dir = NULL;
    g_autoptr(GError) why = NULL;
    gsize said = out->len;
    const char *name;

    if (dir_fd < 0)
        return TRUE;
    dir = g_dir_open(DIRECTORY, 0, NULL);
    while (dir && (name = g_dir_read_name(dir))) {
        if (g_str_has_prefix(name, ASIDE) && im_vm_id(name + strlen(ASIDE)) >= 0)
            put_back(dir_fd, name);
        if (im_vm_id(name) < 0 || look_locked(&look, name, &why))
            continue;
        if (out->len == said) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        drv_ignore(&why, "what is known is reported now, and only once");
        break;
    }
    return TRUE;
}

IM_PROBE_REGISTER(im_vm_execution, report_vm_execution);
