/* SPDX-License-Identifier: Apache-2.0 */
/* Stages of actions that died: docs/stage.md.  A stage is a directory .drv-<key> with a
 * locked file; in a datastore of images it lies beside them, in a system datastore in the
 * directory of its VM.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fd.h"
#include "base/path.h"
#include "doctor/doctor.h"

#define OLD_S 600          /* what is younger may be at work yet */
#define MAX_ENTRIES 100000 /* of a datastore */

static gboolean
is_old(int dir, const char *stage)
{
    struct stat st;

    return fstatat(dir, stage, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
           st.st_mtime < time(NULL) - OLD_S;
}

static gboolean
is_dead(int dir, const char *stage)
{
    g_autofree char *path = g_build_filename(stage, "lock", NULL);
    g_auto(DrvFd) lock =
        openat(dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

    return lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) == 0;
}

static void
report_stage(const DoctorDatastore *datastore,
             const char *dir,
             const char *stage,
             json_object *findings)
{
    g_autofree char *subject =
        g_strdup_printf("datastore %" G_GUINT64_FORMAT, datastore->id);
    const char *key = stage + strlen(".drv-");

    doctor_add(findings,
               DOCTOR_WARNING,
               subject,
               "room is taken, and a change waits to be completed or undone",
               "repeat the action: the next one on the same disk or image settles it",
               "an action on %s%s%s died and left %s",
               dir,
               *dir ? "/" : "",
               key,
               stage);
}

/* Returns how many entries were looked at. */
static guint
look_into(const DoctorDatastore *datastore,
          int fd,
          const char *dir,
          gboolean deeper,
          guint left,
          json_object *findings)
{
    g_auto(GStrv) names = drv_path_list(fd, dir, NULL);
    guint seen = 0;

    for (char **name = names; name && *name && seen < left; name++, seen++) {
        if (g_str_has_prefix(*name, ".drv-")) {
            if (is_old(fd, *name) && is_dead(fd, *name))
                report_stage(datastore, dir, *name, findings);
        } else if (deeper && g_ascii_isdigit(**name)) {
            g_auto(DrvFd) vm =
                openat(fd, *name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

            if (vm >= 0)
                seen += look_into(datastore, vm, *name, FALSE, left - seen, findings);
        }
    }
    return seen;
}

void
doctor_check_leftovers(const DoctorDatastore *datastore, json_object *findings)
{
    g_auto(DrvFd) fd = open(datastore->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        (void)look_into(datastore, fd, "", datastore->is_system, MAX_ENTRIES, findings);
}
