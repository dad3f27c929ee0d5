/* SPDX-License-Identifier: Apache-2.0 */
#include "virt/state.h"

#include <libvirt/libvirt.h>

#define ANY (-1) /* reason; the last row of its state */

static const struct {
    int state, reason; /* libvirt's */
    DrvDomainState means;
    DrvPause pause;
} table[] = {
    { VIR_DOMAIN_RUNNING, ANY, DRV_STATE_RUNNING, DRV_PAUSE_NONE },
    { VIR_DOMAIN_BLOCKED, ANY, DRV_STATE_RUNNING, DRV_PAUSE_NONE },
    { VIR_DOMAIN_SHUTDOWN, ANY, DRV_STATE_RUNNING, DRV_PAUSE_NONE }, /* about to end */
    { VIR_DOMAIN_SHUTOFF, ANY, DRV_STATE_OFF, DRV_PAUSE_NONE },
    { VIR_DOMAIN_CRASHED, ANY, DRV_STATE_CRASHED, DRV_PAUSE_NONE },
    { VIR_DOMAIN_PMSUSPENDED, ANY, DRV_STATE_SUSPENDED, DRV_PAUSE_NONE },
    { VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER, DRV_STATE_PAUSED, DRV_PAUSE_USER },
    { VIR_DOMAIN_PAUSED,
      VIR_DOMAIN_PAUSED_MIGRATION,
      DRV_STATE_PAUSED,
      DRV_PAUSE_MIGRATION },
    { VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SAVE, DRV_STATE_PAUSED, DRV_PAUSE_SAVE },
    { VIR_DOMAIN_PAUSED,
      VIR_DOMAIN_PAUSED_STARTING_UP,
      DRV_STATE_PAUSED,
      DRV_PAUSE_STARTING },
    { VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_UNKNOWN, DRV_STATE_PAUSED, DRV_PAUSE_FAULT },
    { VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR, DRV_STATE_PAUSED, DRV_PAUSE_FAULT },
    { VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_WATCHDOG, DRV_STATE_PAUSED, DRV_PAUSE_FAULT },
    { VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_CRASHED, DRV_STATE_PAUSED, DRV_PAUSE_FAULT },
    { VIR_DOMAIN_PAUSED,
      VIR_DOMAIN_PAUSED_POSTCOPY_FAILED,
      DRV_STATE_PAUSED,
      DRV_PAUSE_FAULT },
    { VIR_DOMAIN_PAUSED, ANY, DRV_STATE_PAUSED, DRV_PAUSE_OTHER },
};

DrvDomainState
drv_state_of(int state, int reason, DrvPause *pause)
{
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        if (table[i].state != state ||
            (table[i].reason != reason && table[i].reason != ANY))
            continue;
        if (pause)
            *pause = table[i].pause;
        return table[i].means;
    }
    if (pause)
        *pause = DRV_PAUSE_NONE;
    return DRV_STATE_RUNNING;
}

const char *
drv_state_name(DrvDomainState state)
{
    static const char *const names[] = {
        [DRV_STATE_ABSENT] = "absent",   [DRV_STATE_OFF] = "shut off",
        [DRV_STATE_RUNNING] = "running", [DRV_STATE_PAUSED] = "paused",
        [DRV_STATE_CRASHED] = "crashed", [DRV_STATE_SUSPENDED] = "suspended by the guest",
    };

    return names[state];
}

gboolean
drv_state_is_active(DrvDomainState state)
{
    return state != DRV_STATE_ABSENT && state != DRV_STATE_OFF;
}

const char *
drv_state_word(DrvDomainState state, DrvPause pause)
{
    static const char *const words[] = {
        [DRV_STATE_ABSENT] = "UNKNOWN",  [DRV_STATE_OFF] = "UNKNOWN",
        [DRV_STATE_RUNNING] = "RUNNING", [DRV_STATE_CRASHED] = "FAILURE",
        [DRV_STATE_PAUSED] = NULL,       [DRV_STATE_SUSPENDED] = "SUSPENDED",
    };
    /* A pause that ends by itself is none. */
    static const char *const paused[] = {
        [DRV_PAUSE_NONE] = "UNKNOWN",  [DRV_PAUSE_USER] = "SUSPENDED",
        [DRV_PAUSE_SAVE] = "RUNNING",  [DRV_PAUSE_MIGRATION] = "RUNNING",
        [DRV_PAUSE_FAULT] = "FAILURE", [DRV_PAUSE_STARTING] = "RUNNING",
        [DRV_PAUSE_OTHER] = "UNKNOWN",
    };

    return state == DRV_STATE_PAUSED ? paused[pause] : words[state];
}

char
drv_state_letter(DrvDomainState state, DrvPause pause, gboolean before_5_6)
{
    const char *word = drv_state_word(state, pause);

    if (!drv_state_is_active(state))
        return 'd';
    if (before_5_6)
        return state == DRV_STATE_CRASHED ? 'e' : 'a';
    return g_str_equal(word, "FAILURE") || g_str_equal(word, "SUSPENDED") ? 'e' : 'a';
}
