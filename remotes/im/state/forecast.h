/* SPDX-License-Identifier: Apache-2.0 */
/* forecast.h - what a figure will probably be: soon, and in some days.
 *
 * Each figure has two models of Holt's linear exponential smoothing, a level and a trend
 * which is damped: one forgets within minutes, the other within half a day.  A model is
 * five numbers whatever it has seen, so nothing grows; see docs/monitoring.md.
 */
#pragma once

#include "im/base/im.h"

typedef struct {
    double since, at;    /* seconds since the epoch: of the first and the last value */
    double level, trend; /* units; units in a second */
    double forgets;      /* seconds: the weight of a value falls to 1/e */
} Holt;

/* Take in @value of the time @at.  A model that has not been fed for long begins again.
 */
void holt_add(Holt *holt, double at, double value);
/* The value @ahead seconds after the last one; never below 0. */
double holt_ahead(const Holt *holt, double ahead);

/* The models of one kind of objects ("host", "virtualmachine"). */
typedef struct ImForecast ImForecast;

/* The models, kept in @im or read from its directory, and the settings; NULL when this
 * front-end has no forecasts or the admin has them off.  @im owns it.
 */
ImForecast *im_forecast(ImContext *im, const char *kind);
/* Take in a figure of an object, and append KEY_FORECAST and KEY_FORECAST_FAR if they are
 * known, at most @most.  Does nothing without @forecast.
 */
void im_forecast_add(ImForecast *forecast,
                     const char *object,
                     const char *key,
                     double value,
                     double most,
                     GString *out);
/* The same of a counter's rate: appends KEY_BW, in units per second, too. */
void im_forecast_add_rate(ImContext *im,
                          ImForecast *forecast,
                          const char *object,
                          const char *key,
                          guint64 counter,
                          GString *out);
/* Write the models to the directory now and then, and forget objects not seen for a day.
 */
void im_forecast_save(ImContext *im, ImForecast *forecast);
