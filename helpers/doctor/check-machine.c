/* SPDX-License-Identifier: Apache-2.0 */
/* What actions need of a machine: programs, libraries, libvirt, other hosts, and no stock
 * probes beside ours.
 */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/action.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "doctor/doctor.h"
#include "transport/remote.h"

#define LIBVIRT_SOCKET "/run/libvirt/libvirt-sock"

/* --- programs and libraries ------------------------------------------------------------
 */

typedef enum { FRONT_END = 1 << 0, HOST = 1 << 1, CEPH_HOST = 1 << 2 } Part;

static const struct {
    const char *name; /* ".so" in it: of a library */
    guint parts;
    const char *package, *why;
} needed[] = {
    { "qemu-img", FRONT_END | HOST, "qemu-utils", "images cannot be made or converted" },
    { "ssh", FRONT_END | HOST, "openssh-client", "no other host can be reached" },
    { "libcurl.so.4", FRONT_END, "libcurl4", "nothing can be fetched from a URL" },
    { "libarchive.so.13", FRONT_END, "libarchive13", "archives cannot be unpacked" },
    { "libcrypto.so.3", FRONT_END | HOST, "libssl3", "no digest can be checked" },
    { "libvirt.so.0", HOST, "libvirt0", "running VMs are neither seen nor changed" },
    { "librbd.so.1", CEPH_HOST, "librbd1", "disks in pools cannot be reached" },
};

static gboolean
is_here(const char *name)
{
    g_autofree char *path = NULL;
    void *library;

    if (strstr(name, ".so") == NULL) {
        path = g_find_program_in_path(name);
        return path != NULL;
    }
    library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
    return library && dlclose(library) == 0;
}

void
doctor_check_programs(const DoctorLook *look, gboolean ceph, json_object *findings)
{
    guint part = look->front_end ? FRONT_END : HOST | (ceph ? CEPH_HOST : 0);

    for (guint i = 0; i < G_N_ELEMENTS(needed); i++) {
        g_autofree char *mend = g_strconcat("apt-get install ", needed[i].package, NULL);

        if ((needed[i].parts & part) && !is_here(needed[i].name))
            doctor_add(findings,
                       DOCTOR_ERROR,
                       needed[i].name,
                       needed[i].why,
                       mend,
                       "%s is not installed",
                       needed[i].name);
    }
}

/* --- libvirt ---------------------------------------------------------------------------
 */

static gboolean
answers(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    g_auto(DrvFd) fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    return fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

void
doctor_check_libvirt(json_object *findings)
{
    gboolean refused;
    g_autofree char *mend = NULL;
    const char *why;

    if (answers(LIBVIRT_SOCKET))
        return;
    refused = errno == EACCES;
    why = g_strerror(errno);
    mend = refused ? g_strdup_printf("usermod -a -G libvirt %s", g_get_user_name())
                   : g_strdup("systemctl start libvirtd");
    doctor_add(findings,
               DOCTOR_ERROR,
               "libvirt",
               "no VM can be started, watched or stopped here",
               mend,
               "%s: %s",
               LIBVIRT_SOCKET,
               why);
}

/* --- other hosts -----------------------------------------------------------------------
 */

static gboolean
say_hello(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    (void)data, (void)in, (void)error;
    *result = g_strdup("hello");
    return TRUE;
}

static const DrvRequestType nothing = { .name = "doctor.hello",
                                        .size = sizeof(DrvRequest) };
static const DrvOp doctor_hello = { .name = "doctor.hello",
                                    .request = &nothing,
                                    .run = say_hello };
DRV_OP_REGISTER(doctor_hello);

static gboolean
reach(const char *host, GError **error)
{
    g_autoptr(DrvRemote) remote =
        drv_remote_open_with_agent(host, DRV_WORKER_PLAIN, error);
    g_autoptr(DrvRequest) request = drv_request_new(&nothing);
    g_autofree char *answer = NULL;

    return remote && drv_remote_run(remote,
                                    doctor_hello.name,
                                    drv_request_pack(request),
                                    NULL,
                                    &answer,
                                    error);
}

void
doctor_check_peers(char *const *peers, json_object *findings)
{
    for (; *peers; peers++) {
        g_autofree char *mend = g_strdup_printf("ssh %s true", *peers);
        g_autofree char *subject = g_strconcat("ssh to ", *peers, NULL);
        g_autoptr(GError) error = NULL;

        if (!reach(*peers, &error))
            doctor_add(findings,
                       DOCTOR_ERROR,
                       subject,
                       "VMs cannot be moved from here to there",
                       mend,
                       "%s",
                       error->message);
    }
}

/* --- stock probes ----------------------------------------------------------------------
 */

void
doctor_check_probes(json_object *findings)
{
    static const struct {
        const char *stock, *ours;
    } probes[] = { STOCK_PROBES };
    g_autofree char *dir = g_build_filename(drv_action_remotes_dir(), "im", NULL);
    g_auto(DrvFd) fd = drv_path_open_dir(dir, NULL);

    for (guint i = 0; fd >= 0 && i < G_N_ELEMENTS(probes); i++) {
        if (drv_path_exists(fd, probes[i].stock) && drv_path_exists(fd, probes[i].ours))
            doctor_add(findings,
                       DOCTOR_WARNING,
                       probes[i].stock,
                       "a stock client reports what both say; ours skips it",
                       "install-remotes again on the front-end, and onehost sync --force",
                       "the stock probe im/%s runs beside ours",
                       probes[i].stock);
    }
}
