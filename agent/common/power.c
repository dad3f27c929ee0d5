/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/common/power.h"

const char *
agent_power_of(DrvDomainState state)
{
    if (!drv_state_is_active(state))
        return "Halted";
    return state == DRV_STATE_RUNNING ? "Running" : "Paused";
}

DrvDomainState
agent_power_state(const char *power)
{
    if (g_strcmp0(power, "Running") == 0)
        return DRV_STATE_RUNNING;
    return g_strcmp0(power, "Paused") == 0 ? DRV_STATE_PAUSED : DRV_STATE_OFF;
}
