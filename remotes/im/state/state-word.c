/* SPDX-License-Identifier: Apache-2.0 */
#include "im/state/states-private.h"

static const char *
paused_word(int reason)
{
    switch (reason) {
    case PAUSED_MIGRATING:
    case 3: /* saving */
    case PAUSED_STARTING:
        return "RUNNING";
    case 1: /* user */
        return "SUSPENDED";
    case 0:  /* unknown */
    case 5:  /* I/O error */
    case 6:  /* watchdog */
    case 10: /* crashed */
    case 13: /* post-copy failed */
        return "FAILURE";
    default:
        return "UNKNOWN";
    }
}

const char *
im_state_word(int state, int reason)
{
    switch (state) {
    case 1: /* running */
    case 2: /* blocked */
    case 4: /* in shutdown */
        return "RUNNING";
    case PAUSED:
        return paused_word(reason);
    case 6:
        return "FAILURE";
    case 7:
        return "SUSPENDED";
    default:
        return "UNKNOWN";
    }
}
