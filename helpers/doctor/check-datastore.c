/* SPDX-License-Identifier: Apache-2.0 */
/* A datastore's directory: there, ours to write, the one that the others see, and with
 * room.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "doctor/doctor.h"

#define LOW_PERCENT 5

static char *
subject_of(const DoctorDatastore *datastore)
{
    return g_strdup_printf("datastore %" G_GUINT64_FORMAT, datastore->id);
}

/* Drivers for storage of its own make a directory when they need it. */
static void
check_absent(const DoctorDatastore *datastore,
             const char *subject,
             gboolean front_end,
             json_object *findings)
{
    g_autofree char *parent = g_path_get_dirname(datastore->path);
    g_autofree char *mend = g_strdup_printf("mount the share at %s", datastore->path);

    if (doctor_datastore_is_shared(datastore)) {
        if (!front_end || !datastore->is_system)
            doctor_add(findings,
                       DOCTOR_ERROR,
                       subject,
                       "disks and images in it cannot be found here",
                       mend,
                       "there is no directory %s",
                       datastore->path);
    } else if (!front_end && faccessat(AT_FDCWD, parent, W_OK | X_OK, AT_EACCESS) < 0) {
        const char *why = g_strerror(errno);

        doctor_add(findings,
                   DOCTOR_ERROR,
                   subject,
                   "no VM can be started here",
                   "",
                   "%s cannot be made: %s: %s",
                   datastore->path,
                   parent,
                   why);
    }
}

gboolean
doctor_datastore_is_proved(const DoctorDatastore *datastore)
{
    g_auto(DrvFd) fd = open(datastore->path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    return *datastore->nonce && fd >= 0 && drv_path_exists(fd, datastore->nonce);
}

static void
check_same(const DoctorDatastore *datastore, const char *subject, json_object *findings)
{
    g_autofree char *mend =
        g_strdup_printf("findmnt -T %s, here and on the front-end", datastore->path);

    if (*datastore->nonce && doctor_datastore_is_shared(datastore) &&
        !doctor_datastore_is_proved(datastore))
        doctor_add(findings,
                   DOCTOR_ERROR,
                   subject,
                   "images that the front-end registers are not here, and a disk that is "
                   "written here is lost to the others",
                   mend,
                   "%s is not the front-end's: a file made there is not here",
                   datastore->path);
}

static void
check_room(const DoctorDatastore *datastore,
           const char *subject,
           int fd,
           json_object *findings)
{
    g_autofree char *mend =
        g_strdup_printf("df -h %s; df -i %s", datastore->path, datastore->path);
    struct statvfs fs;

    if (fstatvfs(fd, &fs) < 0)
        return;
    if (fs.f_blocks > 0 &&
        (guint64)fs.f_bavail * 100 < (guint64)fs.f_blocks * LOW_PERCENT)
        doctor_add(findings,
                   DOCTOR_WARNING,
                   subject,
                   "new disks and images will soon be refused, and VMs paused",
                   mend,
                   "%" G_GUINT64_FORMAT " MiB are free of %" G_GUINT64_FORMAT " MiB",
                   (guint64)fs.f_bavail * fs.f_frsize >> 20,
                   (guint64)fs.f_blocks * fs.f_frsize >> 20);
    if (fs.f_files > 0 && (guint64)fs.f_favail * 100 < (guint64)fs.f_files * LOW_PERCENT)
        doctor_add(findings,
                   DOCTOR_WARNING,
                   subject,
                   "files can soon not be made, however much room there is",
                   mend,
                   "%" G_GUINT64_FORMAT " inodes are free of %" G_GUINT64_FORMAT,
                   (guint64)fs.f_favail,
                   (guint64)fs.f_files);
}

void
doctor_check_datastore(const DoctorDatastore *datastore,
                       gboolean front_end,
                       json_object *findings)
{
    g_autofree char *subject = subject_of(datastore);
    g_auto(DrvFd) fd = open(datastore->path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) {
        check_absent(datastore, subject, front_end, findings);
        return;
    }
    if (fd < 0 || faccessat(AT_FDCWD, datastore->path, W_OK | X_OK, AT_EACCESS) < 0) {
        const char *why = g_strerror(errno);

        doctor_add(findings,
                   DOCTOR_ERROR,
                   subject,
                   "every action on it fails here",
                   "make it oneadmin's, or mount it so that it can be written",
                   "%s: %s",
                   datastore->path,
                   why);
        return;
    }
    if (!front_end)
        check_same(datastore, subject, findings);
    check_room(datastore, subject, fd, findings);
}
