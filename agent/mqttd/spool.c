/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"

enum { TASKS, RESULTS, DONE, PLACES };
static const char *const place_names[PLACES] = { "tasks", "results", "done" };

#define NUMBER_DIGITS 20
#define PRUNE_EVERY 256 /* answers */

struct Spool {
    char *path;
    int lock, fd[PLACES];
    GMutex mutex;
    guint64 number;
    GHashTable *by_key; /* KEY of an id → name of its file, in whatever place */
    GQueue done;        /* names, oldest first */
    gint64 keep_days, keep_count;
};

/* --- names -----------------------------------------------------------------------------
 */

static gboolean
is_name(const char *name)
{
    return strspn(name, G_CSET_DIGITS) == NUMBER_DIGITS && name[NUMBER_DIGITS] == '-' &&
           strchr(name, '~') == NULL;
}

static const char *
key_of(const char *name)
{
    return name + NUMBER_DIGITS + 1;
}

static gboolean
has_id(const char *name)
{
    return strcmp(key_of(name), "-") != 0;
}

char *
spool_label(const char *name)
{
    guint64 number = g_ascii_strtoull(name, NULL, 10);

    return g_strdup_printf("mqtt-%" G_GUINT64_FORMAT "-%.16s", number, key_of(name));
}

static gint
by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* --- files -----------------------------------------------------------------------------
 */

static char *
where(const Spool *spool, int place)
{
    return g_build_filename(spool->path, place_names[place], NULL);
}

static gboolean
sync_place(const Spool *spool, int place, GError **error)
{
    if (fsync(spool->fd[place]) == 0)
        return TRUE;
    return drv_throw_errno(
        error, "cannot synchronise '%s/%s'", spool->path, place_names[place]);
}

static gboolean
write_new(int dir, const char *new, const char *text, gsize size, GError **error)
{
    g_auto(DrvFd) fd =
        openat(dir, new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 || !drv_fd_write_all(fd, text, size, new, NULL) || fsync(fd) < 0)
        return drv_throw_errno(error, "cannot write '%s'", new);
    return TRUE;
}

/* The file appears complete or not at all. */
static gboolean
put(Spool *spool,
    int place,
    const char *name,
    const char *text,
    gsize size,
    GError **error)
{
    g_autofree char *new = g_strconcat(name, "~", NULL);
    int dir = spool->fd[place];

    if (write_new(dir, new, text, size, error)) {
        if (renameat(dir, new, dir, name) == 0)
            return sync_place(spool, place, error);
        (void)drv_throw_errno(error, "cannot rename '%s'", new);
    }
    (void)unlinkat(dir, new, 0);
    return drv_prefix(error, "%s/%s", spool->path, place_names[place]);
}

static gboolean
get(Spool *spool, int place, const char *name, char **text, gsize *size, GError **error)
{
    g_autofree char *directory = where(spool, place);
    g_autofree char *path = g_build_filename(directory, name, NULL);

    return g_file_get_contents(path, text, size, error);
}

static gboolean
exists(const Spool *spool, int place, const char *name)
{
    return faccessat(spool->fd[place], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Names of a place, sorted; what was never renamed is removed. */
static GPtrArray *
list(const Spool *spool, int place)
{
    g_autofree char *path = where(spool, place);
    g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    while (directory && (name = g_dir_read_name(directory)) != NULL) {
        if (is_name(name))
            g_ptr_array_add(names, g_strdup(name));
        else if (g_str_has_suffix(name, "~"))
            (void)unlinkat(spool->fd[place], name, 0);
    }
    g_ptr_array_sort(names, by_text);
    return names;
}

/* --- what is old -----------------------------------------------------------------------
 */

static gboolean
is_old(const Spool *spool, const char *name)
{
    gint64 limit = g_get_real_time() / G_USEC_PER_SEC - spool->keep_days * 86400;
    struct stat st;

    return fstatat(spool->fd[DONE], name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           st.st_mtim.tv_sec < limit;
}

static void
forget(Spool *spool, const char *name)
{
    const char *known = g_hash_table_lookup(spool->by_key, key_of(name));

    if (unlinkat(spool->fd[DONE], name, 0) < 0 && errno != ENOENT)
        drv_warn("cannot remove '%s': %s", name, g_strerror(errno));
    if (known && strcmp(known, name) == 0)
        g_hash_table_remove(spool->by_key, key_of(name));
}

static void
prune(Spool *spool)
{
    while (spool->done.head && (spool->done.length > spool->keep_count ||
                                is_old(spool, spool->done.head->data))) {
        g_autofree char *name = g_queue_pop_head(&spool->done);

        forget(spool, name);
    }
}

static void
note(Spool *spool, const char *name)
{
    guint64 number = g_ascii_strtoull(name, NULL, 10);

    spool->number = MAX(spool->number, number);
    if (has_id(name))
        g_hash_table_replace(spool->by_key, g_strdup(key_of(name)), g_strdup(name));
}

/* --- open ------------------------------------------------------------------------------
 */

static gboolean
lock(Spool *spool, GError **error)
{
    int dir = drv_path_make_dir(spool->path, error);

    if (dir < 0)
        return FALSE;
    spool->lock = dir;
    if (flock(dir, LOCK_EX | LOCK_NB) < 0)
        return drv_throw(
            error, DRV_ERROR_BUSY, "another drv-mqttd works in '%s'", spool->path);
    for (int place = 0; place < PLACES; place++) {
        spool->fd[place] =
            drv_path_make_beneath(dir, spool->path, place_names[place], error);
        if (spool->fd[place] < 0)
            return FALSE;
    }
    return TRUE;
}

/* Finished before it was killed: only the task's file was left behind. */
static void
tidy(Spool *spool)
{
    g_autoptr(GPtrArray) tasks = list(spool, TASKS);

    for (guint i = 0; i < tasks->len; i++) {
        const char *name = g_ptr_array_index(tasks, i);

        if (exists(spool, RESULTS, name) || exists(spool, DONE, name))
            (void)unlinkat(spool->fd[TASKS], name, 0);
    }
}

Spool *
spool_open(const char *directory, gint64 keep_days, gint64 keep_count, GError **error)
{
    g_autoptr(Spool) spool = g_new0(Spool, 1);

    g_mutex_init(&spool->mutex);
    spool->path = g_strdup(directory);
    spool->lock = -1;
    spool->keep_days = keep_days;
    spool->keep_count = keep_count;
    spool->by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (int place = 0; place < PLACES; place++)
        spool->fd[place] = -1;
    if (!lock(spool, error))
        return NULL;
    tidy(spool);
    for (int place = PLACES - 1; place >= 0; place--) {
        g_autoptr(GPtrArray) names = list(spool, place);

        for (guint i = 0; i < names->len; i++) {
            note(spool, g_ptr_array_index(names, i));
            if (place == DONE)
                g_queue_push_tail(&spool->done, g_strdup(g_ptr_array_index(names, i)));
        }
    }
    prune(spool);
    return g_steal_pointer(&spool);
}

void
spool_close(Spool *spool)
{
    if (spool == NULL)
        return;
    for (int place = 0; place < PLACES; place++)
        drv_fd_close_one(spool->fd[place]);
    drv_fd_close_one(spool->lock);
    g_hash_table_unref(spool->by_key);
    g_queue_clear_full(&spool->done, g_free);
    g_mutex_clear(&spool->mutex);
    g_free(spool->path);
    g_free(spool);
}

GPtrArray *
spool_waiting(Spool *spool)
{
    return list(spool, TASKS);
}

GPtrArray *
spool_unsent(Spool *spool)
{
    return list(spool, RESULTS);
}

/* --- a task's way ----------------------------------------------------------------------
 */

static void
forget_name(GQueue *queue, const char *name)
{
    GList *link = g_queue_find_custom(queue, name, (GCompareFunc)strcmp);

    if (link) {
        g_free(link->data);
        g_queue_delete_link(queue, link);
    }
}

/* The same id again.  Its answer goes out again, too: who asks twice has not got it. */
static SpoolAccept
accept_again(Spool *spool, const char *known, char **name)
{
    if (exists(spool, DONE, known)) {
        if (renameat(spool->fd[DONE], known, spool->fd[RESULTS], known) < 0)
            return SPOOL_RUNNING;
        forget_name(&spool->done, known);
    } else if (!exists(spool, RESULTS, known)) {
        return SPOOL_RUNNING;
    }
    *name = g_strdup(known);
    return SPOOL_FINISHED;
}

static SpoolAccept
accept_new(Spool *spool,
           const char *key,
           const char *text,
           gsize size,
           char **name,
           GError **error)
{
    *name = g_strdup_printf(
        "%0*" G_GUINT64_FORMAT "-%s", NUMBER_DIGITS, ++spool->number, key);
    if (!put(spool, TASKS, *name, text, size, error)) {
        g_clear_pointer(name, g_free);
        return SPOOL_FAILED;
    }
    note(spool, *name);
    return SPOOL_NEW;
}

SpoolAccept
spool_accept(Spool *spool,
             const char *id,
             const char *text,
             gsize size,
             char **name,
             GError **error)
{
    g_autofree char *key =
        id ? g_compute_checksum_for_string(G_CHECKSUM_SHA256, id, -1) : g_strdup("-");
    SpoolAccept said;
    const char *known;

    *name = NULL;
    g_mutex_lock(&spool->mutex);
    known = id ? g_hash_table_lookup(spool->by_key, key) : NULL;
    said = known ? accept_again(spool, known, name)
                 : accept_new(spool, key, text, size, name, error);
    g_mutex_unlock(&spool->mutex);
    return said;
}

gboolean
spool_task(Spool *spool, const char *name, char **text, gsize *size, GError **error)
{
    return get(spool, TASKS, name, text, size, error);
}

gboolean
spool_result(Spool *spool, const char *name, char **text, gsize *size, GError **error)
{
    return get(spool, RESULTS, name, text, size, error);
}

gboolean
spool_finish(Spool *spool, const char *name, const char *text, GError **error)
{
    if (!put(spool, RESULTS, name, text, strlen(text), error))
        return FALSE;
    (void)unlinkat(spool->fd[TASKS], name, 0);
    return TRUE;
}

/* If this rename is lost, the answer is sent twice; no less than that. */
void
spool_sent(Spool *spool, const char *name)
{
    g_mutex_lock(&spool->mutex);
    if (renameat(spool->fd[RESULTS], name, spool->fd[DONE], name) == 0)
        g_queue_push_tail(&spool->done, g_strdup(name));
    if (spool->done.length > spool->keep_count ||
        (spool->done.head && spool->number % PRUNE_EVERY == 0))
        prune(spool);
    g_mutex_unlock(&spool->mutex);
}
