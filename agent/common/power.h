/* SPDX-License-Identifier: Apache-2.0 */
/* power.h - a domain's state in the agent's words: "Running", "Paused", "Halted". */
#pragma once

#include "virt/state.h"

/* A guest that crashed, or sleeps, is there and does not run: it is paused. */
const char *agent_power_of(DrvDomainState state);
/* Back; all others, and NULL, are off. */
DrvDomainState agent_power_state(const char *power);
