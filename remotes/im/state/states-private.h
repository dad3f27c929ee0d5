/* SPDX-License-Identifier: Apache-2.0 */
/* states-private.h - the table of states, for states*.c */
#pragma once

#include "im/state/states.h"

typedef struct {
    gint64 id; /* -1: imported */
    char *uuid;
    const char *state; /* static; NULL: never reported */
    guint missing;     /* times in a row */
    gboolean stopped;  /* libvirt said so */
    gint64 stopped_at; /* when; monotonic */
    gint64 waits_at;   /* since when it is here, paused and not reported; 0: it is not */
    gboolean moved;    /* it stopped because it is saved or goes on elsewhere */
    gboolean seen;
} Row;

struct ImStates {
    GHashTable *rows; /* UUID → Row */
};

/* The row of a domain, made if missing. */
Row *im_states_row(ImStates *states, const char *uuid, gint64 id);
