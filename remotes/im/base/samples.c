/* SPDX-License-Identifier: Apache-2.0 */
/* Counters' earlier values: in memory, and for probes that are processes in a file of
 * lines "time value name".
 */
#include <string.h>

#include "base/cancel.h"
#include "base/error.h"
#include "im/base/im.h"

#define OLDEST_US (15 * 60 * G_USEC_PER_SEC)
#define NEWEST_US (100 * 1000) /* less apart, and the result is noise */

typedef struct {
    gint64 at; /* CLOCK_MONOTONIC, which all processes share until the next boot */
    guint64 value;
} Sample;

struct ImSamples {
    GHashTable *by_name; /* char * → Sample * */
};

static char *
file_of(const ImContext *im)
{
    return g_strdup_printf("%s/.samples-%" G_GINT64_FORMAT, im->db, im->host_id);
}

static void
put(ImSamples *samples, const char *name, gint64 at, guint64 value)
{
    Sample *sample = g_new0(Sample, 1);

    *sample = (Sample){ at, value };
    g_hash_table_replace(samples->by_name, g_strdup(name), sample);
}

static void
load(ImContext *im)
{
    g_autofree char *file = file_of(im);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(file, &text, NULL, NULL))
        return;
    lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        g_auto(GStrv) words = g_strsplit(lines[i], " ", 3);
        gint64 at;
        guint64 value;

        if (g_strv_length(words) == 3 &&
            g_ascii_string_to_signed(words[0], 10, 0, G_MAXINT64, &at, NULL) &&
            g_ascii_string_to_unsigned(words[1], 10, 0, G_MAXUINT64, &value, NULL))
            put(im->samples, words[2], at, value);
    }
}

static ImSamples *
samples_of(ImContext *im)
{
    if (im->samples == NULL) {
        im->samples = g_new0(ImSamples, 1);
        im->samples->by_name =
            g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        if (!im->lasting)
            load(im);
    }
    return im->samples;
}

static const Sample *
look_up(ImContext *im, const char *name)
{
    const Sample *sample = g_hash_table_lookup(samples_of(im)->by_name, name);
    gint64 age = sample ? g_get_monotonic_time() - sample->at : -1;

    return age >= NEWEST_US && age <= OLDEST_US ? sample : NULL;
}

gboolean
im_knows(ImContext *im, const char *name)
{
    return look_up(im, name) != NULL;
}

gboolean
im_since(ImContext *im, const char *name, guint64 now, guint64 *then, gint64 *us)
{
    const Sample *sample = look_up(im, name);
    gint64 at = g_get_monotonic_time();
    gboolean found = sample && sample->value <= now; /* else it began again */

    if (found) {
        *then = sample->value;
        *us = at - sample->at;
    }
    put(im->samples, name, at, now);
    return found;
}

gboolean
im_pause(guint ms, GError **error)
{
    return drv_poll(NULL, 0, (int)ms, error) >= 0;
}

static gboolean
is_old(gpointer name, gpointer data, gpointer now)
{
    const Sample *sample = data;

    (void)name;
    return *(gint64 *)now - sample->at > OLDEST_US;
}

void
im_samples_save(ImContext *im)
{
    g_autofree char *file = file_of(im);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    gint64 now = g_get_monotonic_time();
    GHashTableIter all;
    gpointer name, data;

    if (im->samples == NULL)
        return;
    g_hash_table_foreach_remove(im->samples->by_name, is_old, &now);
    if (im->lasting)
        return;
    g_hash_table_iter_init(&all, im->samples->by_name);
    while (g_hash_table_iter_next(&all, &name, &data)) {
        const Sample *sample = data;

        g_string_append_printf(text,
                               "%" G_GINT64_FORMAT " %" G_GUINT64_FORMAT " %s\n",
                               sample->at,
                               sample->value,
                               (char *)name);
    }
    g_mkdir_with_parents(im->db, 0755);
    if (!g_file_set_contents(file, text->str, (gssize)text->len, &error))
        drv_ignore(&error, "the next run measures a moment instead");
}

void
im_samples_free(ImSamples *samples)
{
    if (samples == NULL)
        return;
    g_hash_table_destroy(samples->by_name);
    g_free(samples);
}
