/* SPDX-License-Identifier: Apache-2.0 */
#include "rbd/step.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/config.h"
#include "base/error.h"
#include "base/log.h"

#define OBJECT "one_native.steps"
#define LOOK_AGAIN_MS 100
#define BEATS_PER_LEASE 4
#define SWEEP_MAX 1000

struct DrvRbdStep {
    DrvRbdPool *pool;
    char *image;
    DrvRbdSettle settle;
    char *driver; /* who we are */
    gboolean held;

    GMutex lock;   /* of what follows */
    char *value;   /* as it stands in the pool */
    char *note;    /* "": nothing to settle */
    guint64 beat;  /* counted up while we live */
    gboolean lost; /* somebody took us for dead */
    gboolean ended;
    GCond wake;
    GThread *heart;
};

/* --- entries
 * ---------------------------------------------------------------------------- */

/* Replace @old (NULL: none) by @new (NULL: none) if nobody else was faster: -ECANCELED.
 */
static int
swap(DrvRbdPool *pool, const char *image, const char *old, const char *new)
{
    rados_write_op_t op = rados_create_write_op();
    gsize key_size = strlen(image);
    gsize size = new ? strlen(new) : 0;
    int ignored, rc;

    rados_write_op_create(op, LIBRADOS_CREATE_IDEMPOTENT, NULL);
    rados_write_op_omap_cmp2(op,
                             image,
                             LIBRADOS_CMPXATTR_OP_EQ,
                             old ? old : "",
                             key_size,
                             old ? strlen(old) : 0,
                             &ignored);
    if (new)
        rados_write_op_omap_set2(op, &image, &new, &key_size, &size, 1);
    else
        rados_write_op_omap_rm_keys2(op, &image, &key_size, 1);
    rc = rados_write_op_operate2(op, pool->io, OBJECT, NULL, 0);
    rados_release_write_op(op);
    return rc;
}

/* The entry of @image; *value is NULL when there is none. */
static int
look(DrvRbdPool *pool, const char *image, char **value)
{
    rados_read_op_t op = rados_create_read_op();
    gsize key_size = strlen(image);
    rados_omap_iter_t found = NULL;
    char *key = NULL, *data = NULL;
    size_t size = 0;
    int ignored, rc;

    *value = NULL;
    rados_read_op_omap_get_vals_by_keys2(op, &image, 1, &key_size, &found, &ignored);
    rc = rados_read_op_operate(op, pool->io, OBJECT, 0);
    if (rc == 0 && rados_omap_get_next2(found, &key, &data, NULL, &size) == 0 && key)
        *value = g_strndup(data, size);
    if (found)
        rados_omap_get_end(found);
    rados_release_read_op(op);
    return rc == -ENOENT ? 0 : rc;
}

/* By which address the cluster knows us; caller frees. */
static char *
client_address(DrvRbdPool *pool)
{
    char *text = NULL;
    char *address;

    if (rados_getaddrs(pool->cluster, &text) < 0)
        return g_strdup("-");
    address = g_strdelimit(g_strdup(text), " ", '_');
    free(text);
    return address;
}

static char *
compose(const DrvRbdStep *step)
{
    g_autofree char *client = client_address(step->pool);

    return g_strdup_printf("%s %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %s %s",
                           step->driver,
                           step->beat,
                           g_get_real_time() / G_USEC_PER_SEC,
                           client,
                           step->note);
}

enum { WORD_TIME = 2, WORD_CLIENT, WORD_NOTE, N_WORDS };

/* One word of an entry, of which the note is the rest; caller frees. */
static char *
word_of(const char *value, guint which)
{
    g_auto(GStrv) words = g_strsplit(value, " ", N_WORDS);

    return g_strdup(which < g_strv_length(words) ? words[which] : "");
}

/* Put our entry as it is to be now; the lock is held. */
static int
update(DrvRbdStep *step)
{
    char *value;
    int rc;

    if (step->lost)
        return -ECANCELED;
    step->beat++;
    value = compose(step);
    rc = swap(step->pool, step->image, step->value, value);
    if (rc == 0) {
        g_free(step->value);
        step->value = value;
        return 0;
    }
    step->lost = rc == -ECANCELED;
    g_free(value);
    return rc;
}

static gpointer
beat(gpointer data)
{
    DrvRbdStep *step = data;
    gint64 wait_us = (gint64)step->pool->site->lease_s * G_USEC_PER_SEC / BEATS_PER_LEASE;

    g_mutex_lock(&step->lock);
    while (!step->ended && !step->lost) {
        gint64 until = g_get_monotonic_time() + wait_us;
        gboolean in_time = TRUE;

        while (!step->ended && in_time)
            in_time = g_cond_wait_until(&step->wake, &step->lock, until);
        if (!step->ended)
            (void)update(step);
    }
    g_mutex_unlock(&step->lock);
    return NULL;
}

/* --- taking an image
 * ---------------------------------------------------------------------- */

static gboolean
lock_timeout(gint64 *us, GError **error)
{
    g_autoptr(DrvConfig) config = drv_config_load("one-native.conf", error);
    guint64 seconds;

    if (config == NULL ||
        !drv_config_get_uint(config, "LOCK_TIMEOUT", 120, &seconds, error))
        return FALSE;
    *us = (gint64)seconds * G_USEC_PER_SEC;
    return TRUE;
}

typedef struct {
    char *value; /* as last seen */
    gint64 since;
} Seen;

static void
seen_clear(Seen *seen)
{
    g_free(seen->value);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Seen, seen_clear)

/* Whose entry has not changed for a lease is dead. */
static gboolean
is_dead(DrvRbdStep *step, Seen *seen, char *value)
{
    gint64 now = g_get_monotonic_time();

    if (g_strcmp0(seen->value, value) != 0) {
        g_free(seen->value);
        seen->value = value;
        seen->since = now;
        return FALSE;
    }
    g_free(value);
    return now - seen->since >= (gint64)step->pool->site->lease_s * G_USEC_PER_SEC;
}

/* Take the place of @old, with what it has noted. */
static int
try_take(DrvRbdStep *step, const char *old)
{
    int rc;

    g_free(step->note);
    step->note = old ? word_of(old, WORD_NOTE) : g_strdup("");
    g_free(step->value);
    step->value = compose(step);
    rc = swap(step->pool, step->image, old, step->value);
    step->held = rc == 0;
    return rc;
}

/* Who is taken for dead may only be asleep: from now on the cluster takes nothing from
 * it, and what it had open is closed.
 */
static void
fence(DrvRbdStep *step, const char *old)
{
    g_autofree char *client = word_of(old, WORD_CLIENT);
    int rc = rados_blocklist_add(step->pool->cluster, client, 0);

    if (rc == 0)
        rc = rados_wait_for_latest_osdmap(step->pool->cluster);
    if (rc < 0)
        drv_warn("cannot fence client %s, which has left image '%s/%s': %s",
                 client,
                 step->pool->name,
                 step->image,
                 g_strerror(-rc));
}

static gboolean
take(DrvRbdStep *step, GError **error)
{
    gint64 begin = g_get_monotonic_time();
    g_auto(Seen) seen = { 0 };
    gint64 patience;
    int rc = try_take(step, NULL);

    if (rc == -ECANCELED && !lock_timeout(&patience, error))
        return FALSE;
    while (rc == -ECANCELED) {
        char *value = NULL;
        gboolean gone;

        rc = look(step->pool, step->image, &value);
        if (rc < 0)
            break;
        gone = value == NULL;
        if (gone || is_dead(step, &seen, value)) {
            if (!gone)
                fence(step, seen.value);
            rc = try_take(step, gone ? NULL : seen.value);
            continue;
        }
        if (g_get_monotonic_time() - begin > patience)
            return drv_throw(error,
                             DRV_ERROR_BUSY,
                             "image '%s/%s' is in use by another driver",
                             step->pool->name,
                             step->image);
        if (drv_poll(NULL, 0, LOOK_AGAIN_MS, error) < 0)
            return FALSE;
        rc = -ECANCELED;
    }
    return rc == 0 || drv_rbd_throw(step->pool,
                                    rc,
                                    error,
                                    "cannot take image '%s/%s'",
                                    step->pool->name,
                                    step->image);
}

static gboolean
settle(DrvRbdStep *step, GError **error)
{
    if (*step->note == '\0')
        return TRUE;
    drv_info("settling '%s' of image '%s/%s', which a driver has left",
             step->note,
             step->pool->name,
             step->image);
    return step->settle(step->pool, step->image, step->note, error);
}

DrvRbdStep *
drv_rbd_step_begin(DrvRbdPool *pool,
                   const char *image,
                   DrvRbdSettle settle_with,
                   GError **error)
{
    g_autoptr(DrvRbdStep) step = g_new0(DrvRbdStep, 1);

    g_mutex_init(&step->lock);
    g_cond_init(&step->wake);
    step->pool = pool;
    step->image = g_strdup(image);
    step->settle = settle_with;
    step->driver = g_uuid_string_random();
    if (!take(step, error))
        return NULL;
    step->heart = g_thread_new("lease", beat, step);
    if (!settle(step, error) || !drv_rbd_step_note(step, "", error))
        return NULL;
    return g_steal_pointer(&step);
}

static gboolean
throw_update(DrvRbdStep *step, int rc, GError **error)
{
    if (rc == -ECANCELED)
        return drv_throw(error,
                         DRV_ERROR_BUSY,
                         "another driver has taken over image '%s/%s'",
                         step->pool->name,
                         step->image);
    return rc == 0 || drv_rbd_throw(step->pool,
                                    rc,
                                    error,
                                    "cannot note a change of image '%s/%s'",
                                    step->pool->name,
                                    step->image);
}

gboolean
drv_rbd_step_note(DrvRbdStep *step, const char *note, GError **error)
{
    int rc = 0;

    g_mutex_lock(&step->lock);
    if (step->lost || !g_str_equal(step->note, note)) {
        g_free(step->note);
        step->note = g_strdup(note);
        rc = update(step);
    }
    g_mutex_unlock(&step->lock);
    return throw_update(step, rc, error);
}

gboolean
drv_rbd_step_check(DrvRbdStep *step, GError **error)
{
    int rc;

    g_mutex_lock(&step->lock);
    rc = update(step);
    g_mutex_unlock(&step->lock);
    return throw_update(step, rc, error);
}

gboolean
drv_rbd_step_pass(DrvRbdPool *pool,
                  const char *image,
                  DrvRbdSettle settle_with,
                  GError **error)
{
    g_autofree char *value = NULL;
    g_autoptr(DrvRbdStep) step = NULL;
    int rc = look(pool, image, &value);

    if (rc < 0)
        return drv_rbd_throw(
            pool, rc, error, "cannot look at image '%s/%s'", pool->name, image);
    if (value == NULL)
        return TRUE;
    step = drv_rbd_step_begin(pool, image, settle_with, error);
    return step && drv_rbd_step_end(step, error);
}

static void
stop_heart(DrvRbdStep *step)
{
    g_mutex_lock(&step->lock);
    step->ended = TRUE;
    g_cond_signal(&step->wake);
    g_mutex_unlock(&step->lock);
    if (step->heart)
        g_thread_join(g_steal_pointer(&step->heart));
}

gboolean
drv_rbd_step_end(DrvRbdStep *step, GError **error)
{
    int rc;

    stop_heart(step);
    step->held = FALSE;
    rc = step->lost ? 0 : swap(step->pool, step->image, step->value, NULL);
    return rc == 0 || rc == -ECANCELED ||
           drv_rbd_throw(step->pool,
                         rc,
                         error,
                         "cannot let go of image '%s/%s'",
                         step->pool->name,
                         step->image);
}

void
drv_rbd_step_free(DrvRbdStep *step)
{
    g_autoptr(GError) why = NULL;

    if (step == NULL)
        return;
    if (step->held) {
        DRV_CANCEL_SHIELD();

        if (step->lost || !settle(step, &why) || !drv_rbd_step_end(step, &why))
            drv_warn("image '%s/%s' is left for the next driver to settle: %s",
                     step->pool->name,
                     step->image,
                     why ? why->message : "another one has it");
    }
    stop_heart(step);
    g_mutex_clear(&step->lock);
    g_cond_clear(&step->wake);
    g_free(step->image);
    g_free(step->driver);
    g_free(step->value);
    g_free(step->note);
    g_free(step);
}

/* --- what is left in a pool
 * --------------------------------------------------------------- */

/* Times of another host's clock only say whom to look at: take() decides. */
static gboolean
is_old(DrvRbdPool *pool, const char *value)
{
    g_autofree char *when = word_of(value, WORD_TIME);
    gint64 age = g_get_real_time() / G_USEC_PER_SEC - g_ascii_strtoll(when, NULL, 10);

    return age > 10 * (gint64)pool->site->lease_s;
}

static char **
list_old(DrvRbdPool *pool)
{
    g_autoptr(GPtrArray) images = g_ptr_array_new();
    rados_read_op_t op = rados_create_read_op();
    rados_omap_iter_t found = NULL;
    char *key = NULL, *data = NULL;
    size_t key_size, size;
    unsigned char more;
    int ignored;

    rados_read_op_omap_get_vals2(op, "", "", SWEEP_MAX, &found, &more, &ignored);
    if (rados_read_op_operate(op, pool->io, OBJECT, 0) == 0) {
        while (rados_omap_get_next2(found, &key, &data, &key_size, &size) == 0 && key) {
            g_autofree char *value = g_strndup(data, size);

            if (is_old(pool, value))
                g_ptr_array_add(images, g_strndup(key, key_size));
        }
    }
    if (found)
        rados_omap_get_end(found);
    rados_release_read_op(op);
    g_ptr_array_add(images, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&images), FALSE);
}

void
drv_rbd_step_sweep(DrvRbdPool *pool, DrvRbdSettle settle_with)
{
    g_auto(GStrv) images = list_old(pool);

    for (guint i = 0; images[i]; i++) {
        g_autoptr(GError) why = NULL;
        g_autoptr(DrvRbdStep) step =
            drv_rbd_step_begin(pool, images[i], settle_with, &why);

        if (step == NULL || !drv_rbd_step_end(step, &why))
            drv_warn("'%s/%s' is not settled: %s", pool->name, images[i], why->message);
    }
}
