/* SPDX-License-Identifier: Apache-2.0 */
/* virt/state.h - what libvirt's states and reasons mean, in one table.
 *
 * Nobody else looks at libvirt's numbers: drivers ask for a state and what it is paused
 * by, monitoring for the words that the front-end has for both (virtual machine
 * protocol).
 */
#pragma once

#include <glib.h>

typedef enum {
    DRV_STATE_ABSENT, /* libvirt knows no such domain */
    DRV_STATE_OFF,    /* defined (or just ending), not active */
    DRV_STATE_RUNNING,
    DRV_STATE_PAUSED,
    DRV_STATE_CRASHED,
    DRV_STATE_SUSPENDED, /* by the guest's power management */
} DrvDomainState;

/* Why a domain is paused. */
typedef enum {
    DRV_PAUSE_NONE, /* it is not */
    DRV_PAUSE_USER,
    DRV_PAUSE_MIGRATION,
    DRV_PAUSE_SAVE,
    DRV_PAUSE_STARTING, /* or receiving a migration */
    DRV_PAUSE_FAULT,    /* I/O error, watchdog, crash, failed post-copy, unknown */
    DRV_PAUSE_OTHER,    /* dump, snapshot, post-copy … */
} DrvPause;

/* Of libvirt's numbers (virDomainState and its reason); @pause may be NULL.  A state that
 * is not in the table is one of an active domain.
 */
DrvDomainState drv_state_of(int state, int reason, DrvPause *pause);

/* "running", "paused", … for messages. */
const char *drv_state_name(DrvDomainState state);
/* Neither absent nor off. */
gboolean drv_state_is_active(DrvDomainState state);

/* "RUNNING", "SUSPENDED", "FAILURE", "UNKNOWN": what monitoring reports from 5.12 on. */
const char *drv_state_word(DrvDomainState state, DrvPause pause);
/* STATE of a POLL: active, error (which a pause is only from 5.6 on), powered off. */
char drv_state_letter(DrvDomainState state, DrvPause pause, gboolean before_5_6);
