/* SPDX-License-Identifier: Apache-2.0 */
/* Where the models last: a key file with a group for each object and eight numbers for
 * each figure, those of the near and those of the far model.
 */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "im/state/forecast-private.h"

#define SAVE_S 300
#define KEEP_S 86400
#define NUMBERS 8

Pair *
im_forecast_pair(ImForecast *forecast, const char *object, const char *key)
{
    g_autofree char *name = g_strconcat(object, "\n", key, NULL);
    Pair *pair = g_hash_table_lookup(forecast->pairs, name);

    if (pair == NULL) {
        pair = g_new0(Pair, 1);
        g_hash_table_insert(forecast->pairs, g_steal_pointer(&name), pair);
    }
    return pair;
}

static char *
file_of(const ImContext *im, const ImForecast *forecast)
{
    return g_strdup_printf(
        "%s/.forecast-%s-%" G_GINT64_FORMAT, im->db, forecast->kind, im->host_id);
}

/* Numbers of a file that anybody may have spoiled. */
static void
take_group(ImForecast *forecast, GKeyFile *file, const char *object)
{
    g_auto(GStrv) keys = g_key_file_get_keys(file, object, NULL, NULL);

    for (guint i = 0; keys && keys[i]; i++) {
        gsize n = 0;
        g_autofree double *list =
            g_key_file_get_double_list(file, object, keys[i], &n, NULL);
        gboolean good = n == NUMBERS;

        for (gsize k = 0; good && k < n; k++)
            good = isfinite(list[k]);
        if (good)
            *im_forecast_pair(forecast, object, keys[i]) =
                (Pair){ { list[0], list[1], list[2], list[3], 0 },
                        { list[4], list[5], list[6], list[7], 0 } };
    }
}

void
im_forecast_load(const ImContext *im, ImForecast *forecast)
{
    g_autofree char *path = file_of(im, forecast);
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_auto(GStrv) objects = NULL;

    if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, NULL))
        return;
    objects = g_key_file_get_groups(file, NULL);
    for (guint i = 0; objects[i]; i++)
        take_group(forecast, file, objects[i]);
}

static gboolean
is_old(gpointer name, gpointer data, gpointer now)
{
    const Pair *pair = data;

    (void)name;
    return *(double *)now - MAX(pair->near.at, pair->far.at) > KEEP_S;
}

void
im_forecast_save(ImContext *im, ImForecast *forecast)
{
    g_autoptr(GKeyFile) file = NULL;
    g_autofree char *path = NULL;
    g_autoptr(GError) error = NULL;
    GHashTableIter all;
    gpointer name, data;

    if (forecast == NULL || (im->lasting && forecast->now - forecast->saved < SAVE_S))
        return;
    forecast->saved = forecast->now;
    g_hash_table_foreach_remove(forecast->pairs, is_old, &forecast->now);
    file = g_key_file_new();
    g_hash_table_iter_init(&all, forecast->pairs);
    while (g_hash_table_iter_next(&all, &name, &data)) {
        const Pair *pair = data;
        g_auto(GStrv) words = g_strsplit(name, "\n", 2);
        double list[NUMBERS] = { pair->near.since, pair->near.at,   pair->near.level,
                                 pair->near.trend, pair->far.since, pair->far.at,
                                 pair->far.level,  pair->far.trend };

        g_key_file_set_double_list(file, words[0], words[1], list, NUMBERS);
    }
    path = file_of(im, forecast);
    g_mkdir_with_parents(im->db, 0755);
    if (!g_key_file_save_to_file(file, path, &error))
        drv_ignore(&error, "after a new start they begin again");
}
