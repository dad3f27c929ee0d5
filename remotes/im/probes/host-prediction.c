/* SPDX-License-Identifier: Apache-2.0 */
/* What the host will probably use. */
#include <math.h>

#include "im/state/forecast.h"

static gboolean
report_prediction(ImContext *im, GString *out, GError **error)
{
    ImForecast *forecast = im_forecast(im, "host");
    ImHostUsage usage;
    double cpu, memory;

    if (forecast == NULL)
        return TRUE;
    if (!im_host_usage(im, "prediction", &usage, error))
        return FALSE;
    cpu = (double)(usage.used_cpu + usage.free_cpu);
    memory = (double)(usage.used_memory + usage.free_memory);
    im_forecast_add(forecast, "host", "USEDCPU", (double)usage.used_cpu, cpu, out);
    im_forecast_add(forecast, "host", "FREECPU", (double)usage.free_cpu, cpu, out);
    im_forecast_add(
        forecast, "host", "USEDMEMORY", (double)usage.used_memory, memory, out);
    im_forecast_add(
        forecast, "host", "FREEMEMORY", (double)usage.free_memory, memory, out);
    im_forecast_add_rate(im, forecast, "host", "NETRX", usage.net_rx, out);
    im_forecast_add_rate(im, forecast, "host", "NETTX", usage.net_tx, out);
    im_samples_save(im);
    im_forecast_save(im, forecast);
    return TRUE;
}

IM_PROBE_REGISTER(im_prediction, report_prediction);
