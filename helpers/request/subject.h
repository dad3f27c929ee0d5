/* SPDX-License-Identifier: Apache-2.0 */
/* request/subject.h - the object of a request, for the status of whoever works on it. */
#pragma once

#include <glib.h>

/* Begin the status of @action (base/status.h) with what the fields of @request say: its
 * VM and disk, image, datastore, or domain.
 */
void drv_subject_begin(const char *action, gconstpointer request);
