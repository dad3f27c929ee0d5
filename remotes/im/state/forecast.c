/* SPDX-License-Identifier: Apache-2.0 */
/* The models of a host's figures, or of those of its VMs. */
#include <math.h>
#include <string.h>

#include "base/action.h"
#include "base/release.h"
#include "im/state/forecast-private.h"

#define CONF "forecast.conf"
#define NEAR_MINUTES 5
#define FAR_MINUTES 2880
#define FAR_FORGETS 0.25 /* of the time ahead; the near one: all of it */
#define KNOWN 0.25       /* of the time ahead must have been seen */

/* What one is fed with. */
typedef struct {
    const char *key;
    double value, most, now;
} Figure;

static void
forecast_free(gpointer data)
{
    ImForecast *forecast = data;

    g_hash_table_unref(forecast->pairs);
    g_free(forecast->kind);
    g_free(forecast);
}

static double
setting(const char *kind, const char *which, guint64 fallback)
{
    g_autofree char *enabled = g_strdup_printf("%s/%s/enabled", kind, which);
    g_autofree char *period = g_strdup_printf("%s/%s/period", kind, which);

    if (!im_conf_flag(CONF, enabled, TRUE))
        return 0;
    return (double)im_conf_number(CONF, period, fallback) * 60;
}

ImForecast *
im_forecast(ImContext *im, const char *kind)
{
    ImForecast *forecast;

    if (!drv_release_at_least(drv_action_release(), 7, 0, 0))
        return NULL;
    if (im->forecasts == NULL)
        im->forecasts =
            g_hash_table_new_full(g_str_hash, g_str_equal, NULL, forecast_free);
    forecast = g_hash_table_lookup(im->forecasts, kind);
    if (forecast == NULL) {
        forecast = g_new0(ImForecast, 1);
        forecast->kind = g_strdup(kind);
        forecast->pairs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        g_hash_table_insert(im->forecasts, forecast->kind, forecast);
        im_forecast_load(im, forecast);
    }
    forecast->now = (double)g_get_real_time() / G_USEC_PER_SEC;
    forecast->near_s = setting(kind, "forecast", NEAR_MINUTES);
    forecast->far_s = setting(kind, "forecast_far", FAR_MINUTES);
    return forecast;
}

static void
say(GString *out, const char *key, const char *suffix, double value)
{
    g_autofree char *name = g_strconcat(key, suffix, NULL);

    im_add_decimal(out, name, value);
}

/* Learn @value; with enough behind it, append what it will be @ahead seconds from now. */
static void
predict(Holt *holt, double ahead, const Figure *figure, const char *suffix, GString *out)
{
    if (ahead <= 0)
        return;
    holt_add(holt, figure->now, figure->value);
    if (holt->at - holt->since >= KNOWN * ahead)
        say(out, figure->key, suffix, MIN(holt_ahead(holt, ahead), figure->most));
}

void
im_forecast_add(ImForecast *forecast,
                const char *object,
                const char *key,
                double value,
                double most,
                GString *out)
{
    Figure figure = { key, value, most, 0 };
    Pair *pair;

    if (forecast == NULL || !isfinite(value))
        return;
    figure.now = forecast->now;
    pair = im_forecast_pair(forecast, object, key);
    pair->near.forgets = forecast->near_s;
    pair->far.forgets = forecast->far_s * FAR_FORGETS;
    predict(&pair->near, forecast->near_s, &figure, "_FORECAST", out);
    predict(&pair->far, forecast->far_s, &figure, "_FORECAST_FAR", out);
}

void
im_forecast_add_rate(ImContext *im,
                     ImForecast *forecast,
                     const char *object,
                     const char *key,
                     guint64 counter,
                     GString *out)
{
    g_autofree char *sample = g_strconcat("rate.", object, ".", key, NULL);
    g_autofree char *name = g_strconcat(key, "_BW", NULL);
    guint64 then;
    gint64 us;
    double rate;

    if (forecast == NULL || !im_since(im, sample, counter, &then, &us))
        return;
    rate = (double)(counter - then) * G_USEC_PER_SEC / (double)us;
    im_add_decimal(out, name, rate);
    im_forecast_add(forecast, object, name, rate, HUGE_VAL, out);
}
