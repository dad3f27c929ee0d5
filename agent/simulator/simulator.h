/* SPDX-License-Identifier: Apache-2.0 */
/* simulator.h - what the simulated operations share. */
#pragma once

#include "base/json.h"

/* What was asked, and its answer; borrowed, taken. */
extern json_object *document, *state, *platform, *result;

/* Text of a member of @object, "" when there is none. */
const char *text(json_object *object, const char *key);

/* Report a step, with what it was told to do there; FALSE: it failed, that is reported.
 */
gboolean step(double progress, const char *name);
/* The step @name is to do what @key says; "VM.reboot build": that of one operation. */
gboolean is_told(const char *key, const char *name);
gboolean fail(const char *variant, json_object *argument, const char *message);
gboolean bad_power(const char *expected);

/* The state: what it is, and what it becomes. */
gboolean is(const char *power);
gboolean is_active(void);
void become(const char *power, gboolean fresh);

/* A line of the answer; takes the values. */
void print(const char *key, json_object *value, const char *key2, json_object *value2);

/* Operations on devices. */
gboolean devices_plug(gboolean plugged);
gboolean devices_change_drive(void);

/* Operations with other hosts. */
gboolean peers_look(void);
gboolean peers_migrate(void);
gboolean peers_fetch(void);
