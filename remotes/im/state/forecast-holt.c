/* SPDX-License-Identifier: Apache-2.0 */
/* Holt's method for values that come at uneven times: C. C. Holt, "Forecasting seasonals
 * and trends by exponentially weighted moving averages" (1957); the damping is E. S.
 * Gardner's (1985).
 */
#include <math.h>

#include "im/state/forecast.h"

#define TREND_SLOWER 2  /* a trend is believed later than a level */
#define GAP 4           /* times the memory: what was before says nothing any more */
#define SHORTEST_S 0.01 /* between two values */

void
holt_add(Holt *holt, double at, double value)
{
    double passed = at - holt->at;
    double expected, before = holt->level;

    if (holt->since <= 0 || passed < 0 || passed > GAP * holt->forgets) {
        *holt = (Holt){ at, at, value, 0, holt->forgets };
        return;
    }
    if (passed < SHORTEST_S)
        return;
    expected = holt->level + holt->trend * passed;
    holt->level = expected + (1 - exp(-passed / holt->forgets)) * (value - expected);
    holt->trend += (1 - exp(-passed / (TREND_SLOWER * holt->forgets))) *
                   ((holt->level - before) / passed - holt->trend);
    holt->at = at;
}

double
holt_ahead(const Holt *holt, double ahead)
{
    /* The trend fades with the time ahead, and never adds more than that of one memory.
     */
    double fading = holt->forgets * (1 - exp(-ahead / holt->forgets));

    return MAX(holt->level + holt->trend * fading, 0);
}
