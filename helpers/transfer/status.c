/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/status.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/action.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "transfer/pace.h"
#include "transfer/status-private.h"

#define FIRST_US (2 * G_USEC_PER_SEC)
#define EVERY_US (G_USEC_PER_SEC / 2)
#define SUFFIX ".status"
#define MIB (1024.0 * 1024.0)

static struct {
    char *dir; /* NULL: no status */
    char *id;
    int lock_fd;
    char *action, *object, *from, *to, *phase;
    guint64 total, moved, settled;
    guint64 claim; /* bytes of room */
    dev_t device;
    gboolean written;
    gint64 began_us, next_us;
    gint64 started_s;
    DrvPace pace;
} status = { .lock_fd = -1 };

/* --- the directory ---------------------------------------------------------------------
 */

static gboolean
is_private(const char *path)
{
    struct stat info;

    return g_mkdir_with_parents(path, 0700) == 0 && lstat(path, &info) == 0 &&
           S_ISDIR(info.st_mode) && info.st_uid == geteuid() &&
           (info.st_mode & 022) == 0 && access(path, W_OK) == 0;
}

static char *
status_dir(void)
{
    g_autofree char *in_var = g_build_filename(drv_action_var_dir(), ".drv-status", NULL);
    g_autofree char *in_run = g_strdup_printf("/run/user/%d/drv-status", (int)geteuid());
    const char *const choices[] = { "/run/one/drv-status", in_run, in_var };

    for (guint i = 0; i < G_N_ELEMENTS(choices); i++) {
        g_autofree char *parent = g_path_get_dirname(choices[i]);

        if (g_file_test(parent, G_FILE_TEST_IS_DIR) && is_private(choices[i]))
            return g_strdup(choices[i]);
    }
    return NULL;
}

static char *
file_of(const char *dir, const char *id, const char *suffix)
{
    return g_strconcat(dir, "/", id, suffix, NULL);
}

/* --- writing ---------------------------------------------------------------------------
 */

static void
add_text(GString *text, const char *key, const char *value)
{
    g_autofree char *shown = drv_log_escape(value ? value : "");

    g_string_append_printf(text, "%s=%s\n", key, shown);
}

static guint64
left(void)
{
    guint64 done = status.moved + status.settled;

    return status.total > done ? status.total - done : 0;
}

static char *
describe(void)
{
    GString *text = g_string_new(NULL);
    double seconds =
        (double)(g_get_monotonic_time() - status.began_us) / (double)G_USEC_PER_SEC;
    double rate = seconds > 0 ? (double)status.moved / seconds : 0;

    add_text(text, "action", status.action);
    add_text(text, "object", status.object);
    add_text(text, "from", status.from);
    add_text(text, "to", status.to);
    add_text(text, "phase", status.phase);
    add_text(text, "waits_for", drv_pace_reason(&status.pace));
    g_string_append_printf(
        text,
        "pid=%d\nstarted=%" G_GINT64_FORMAT "\nbytes_total=%" G_GUINT64_FORMAT
        "\nbytes_moved=%" G_GUINT64_FORMAT "\nbytes_kept=%" G_GUINT64_FORMAT
        "\nbytes_left=%" G_GUINT64_FORMAT "\nrate=%.0f\nseconds_left=%.0f\n",
        (int)getpid(),
        status.started_s,
        status.total,
        status.moved,
        status.settled,
        left(),
        rate,
        rate > 0 ? (double)left() / rate : -1);
    g_string_append_printf(text,
                           "device=%u:%u\nclaim=%" G_GUINT64_FORMAT "\n",
                           major(status.device),
                           minor(status.device),
                           status.claim > status.moved ? status.claim - status.moved : 0);
    return g_string_free(text, FALSE);
}

static void
write_now(void)
{
    g_autofree char *path = file_of(status.dir, status.id, SUFFIX);
    g_autofree char *text = describe();
    g_autoptr(GError) why = NULL;

    if (!g_file_set_contents_full(
            path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &why))
        drv_ignore(&why, "a status is of use, but not needed");
    status.written = TRUE;
    status.next_us = g_get_monotonic_time() + EVERY_US;
}

static void
write_if_due(void)
{
    if (status.dir && g_get_monotonic_time() >= status.next_us)
        write_now();
}

/* --- beginning and end -----------------------------------------------------------------
 */

static gboolean
lock_own(void)
{
    g_autofree char *path = file_of(status.dir, status.id, ".lock");

    status.lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return status.lock_fd >= 0 && flock(status.lock_fd, LOCK_EX | LOCK_NB) == 0;
}

void
drv_status_begin(const char *action, const char *object, const char *from, const char *to)
{
    drv_status_end();
    status.action = g_strdup(action);
    status.object = g_strdup(object);
    status.from = g_strdup(from);
    status.to = g_strdup(to);
    status.began_us = g_get_monotonic_time();
    status.started_s = g_get_real_time() / G_USEC_PER_SEC;
    status.next_us = status.began_us + FIRST_US;
    status.dir = status_dir();
    status.id = g_strdup_printf("%d-%08x", (int)getpid(), g_random_int());
    drv_pace_begin(&status.pace);
    if (status.dir && !lock_own())
        g_clear_pointer(&status.dir, g_free);
}

static void
remove_files(const char *dir, const char *id)
{
    static const char *const suffixes[] = { SUFFIX, ".limit", ".lock" };

    for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *path = file_of(dir, id, suffixes[i]);
        g_autoptr(GError) why = NULL;

        if (!drv_path_unlink(AT_FDCWD, "", path, &why))
            drv_ignore(&why, "whoever sees it removes it");
    }
}

void
drv_status_end(void)
{
    if (status.dir)
        remove_files(status.dir, status.id);
    drv_fd_close_one(status.lock_fd);
    g_free(status.dir);
    g_free(status.id);
    g_free(status.action);
    g_free(status.object);
    g_free(status.from);
    g_free(status.to);
    g_free(status.phase);
    memset(&status, 0, sizeof status);
    status.lock_fd = -1;
}

void
drv_status_phase(const char *phase)
{
    g_free(status.phase);
    status.phase = g_strdup(phase);
    write_if_due();
}

void
drv_status_total(guint64 bytes)
{
    status.total = bytes;
}

void
drv_status_settled(guint64 bytes)
{
    status.settled += bytes;
    write_if_due();
}

gboolean
drv_status_moved(guint64 bytes, GError **error)
{
    g_autofree char *limit = status.dir ? file_of(status.dir, status.id, ".limit") : NULL;

    status.moved += bytes;
    write_if_due();
    return status.action == NULL || drv_pace_wait(&status.pace, bytes, limit, error);
}

/* --- room ------------------------------------------------------------------------------
 */

/* TRUE when the process that has written status @id lives; else its files are removed. */
static gboolean
is_alive(const char *dir, const char *id)
{
    g_autofree char *path = file_of(dir, id, ".lock");
    g_auto(DrvFd) fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
        return TRUE;
    remove_files(dir, id);
    return FALSE;
}

static guint64
claim_in(const char *dir, const char *id, const char *device)
{
    g_autofree char *path = file_of(dir, id, SUFFIX);
    g_autofree char *text = NULL;
    g_autofree char *wanted = g_strdup_printf("\ndevice=%s\n", device);
    const char *claim;

    if (!g_file_get_contents(path, &text, NULL, NULL) || !strstr(text, wanted))
        return 0;
    claim = strstr(text, "\nclaim=");
    return claim ? g_ascii_strtoull(claim + strlen("\nclaim="), NULL, 10) : 0;
}

/* What others have claimed on this device. */
static guint64
claims(void)
{
    g_autofree char *device =
        g_strdup_printf("%u:%u", major(status.device), minor(status.device));
    g_autoptr(GDir) dir = g_dir_open(status.dir, 0, NULL);
    guint64 sum = 0;
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *id = g_strdup(name);

        if (!g_str_has_suffix(name, SUFFIX))
            continue;
        id[strlen(id) - strlen(SUFFIX)] = '\0';
        if (!g_str_equal(id, status.id) && is_alive(status.dir, id))
            sum += claim_in(status.dir, id, device);
    }
    return sum;
}

static gboolean
check_room(int fd, const char *where, GError **error)
{
    struct statvfs fs;
    guint64 others = status.dir ? claims() : 0;
    guint64 room;

    if (fstatvfs(fd, &fs) < 0)
        return drv_throw_errno(error, "cannot get the free space of '%s'", where);
    room = (guint64)fs.f_bavail * fs.f_frsize;
    room = room > others ? room - others : 0;
    return room >= status.claim ||
           drv_throw(error,
                     DRV_ERROR_NO_SPACE,
                     "no room for %.1f MiB: %.1f MiB are free in '%s'%s",
                     (double)status.claim / MIB,
                     (double)room / MIB,
                     where,
                     others ? ", beside what other transfers will take" : "");
}

gboolean
drv_status_claim(int fd, const char *where, guint64 bytes, guint64 there, GError **error)
{
    g_autofree char *path = status.dir ? file_of(status.dir, "claims", ".lock") : NULL;
    g_auto(DrvFd) lock =
        path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    struct stat info;

    if (fstat(fd, &info) < 0)
        return drv_throw_errno(error, "cannot stat '%s'", where);
    status.device = info.st_dev;
    status.claim = bytes > there ? bytes - there : 0;
    if (lock >= 0 && flock(lock, LOCK_EX) < 0)
        return drv_throw_errno(error, "cannot lock '%s'", path);
    if (!check_room(fd, where, error))
        return FALSE;
    if (status.dir)
        write_now();
    return TRUE;
}
