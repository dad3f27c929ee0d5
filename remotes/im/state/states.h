/* SPDX-License-Identifier: Apache-2.0 */
/* states.h - the VMs' states as last reported to the front-end, and what is new.
 *
 * libvirt's list of active domains is compared with this table.  A VM that is in the
 * table but not in the list is missing; POWEROFF is reported once it was seen to stop, or
 * was missing often enough.  Without a list nothing is reported: no list is not an empty
 * list.
 */
#pragma once

#include <glib.h>

#include "im/base/im.h"
#include "virt/events.h"
#include "virt/stats.h"

ImStates *im_states_new(void);
void im_states_free(ImStates *states);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImStates, im_states_free)
/* A new table, kept in @im as long as that lives. */
void im_states_keep(ImContext *im);

typedef struct {
    gboolean sync;       /* report all, not only what is new */
    gboolean imported;   /* report VMs with foreign names too */
    guint times_missing; /* before POWEROFF without an event */
} ImStatesHow;

/* Compare with the active domains (DrvStats) and append what is to be reported. */
void im_states_compare(ImStates *states,
                       const GPtrArray *active,
                       const ImStatesHow *how,
                       GString *out);

/* libvirt said that this domain stopped; @detail as in DrvLifecycleEvent. */
void im_states_stopped(ImStates *states, const char *uuid, int detail);
/* It started again. */
void im_states_started(ImStates *states, const char *uuid);
/* TRUE while a domain that stopped was still listed: compare again soon. */
gboolean im_states_is_unsettled(const ImStates *states);

/* One line a VM, for a file; and back (lines that are none are skipped). */
char *im_states_to_text(const ImStates *states);
void im_states_from_text(ImStates *states, const char *text);
