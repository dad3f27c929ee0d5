/* SPDX-License-Identifier: Apache-2.0 */
/* forecast-private.h - the models in memory, for what computes and what keeps them. */
#pragma once

#include "im/state/forecast.h"

/* Models of one figure. */
typedef struct {
    Holt near, far;
} Pair;

struct ImForecast {
    char *kind;
    GHashTable *pairs;    /* "object\nkey" → Pair * */
    double near_s, far_s; /* ahead; 0: not wanted */
    double now, saved;    /* seconds since the epoch */
};

/* The models of a figure, new ones if there are none. */
Pair *im_forecast_pair(ImForecast *forecast, const char *object, const char *key);
void im_forecast_load(const ImContext *im, ImForecast *forecast);
