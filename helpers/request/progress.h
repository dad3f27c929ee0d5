/* SPDX-License-Identifier: Apache-2.0 */
/* request/progress.h - the status of an action as an attribute of its VM.
 *
 * one-native.conf: PROGRESS_ATTRIBUTE, the attribute's name in the user template of the
 * VM; not set: nothing is written.  It is merged by the core's XML-RPC at most every 10
 * s, the first time after 10 s, and emptied at the end.  (It is not removed: that would
 * mean to replace all of the template, and what a user changes in it at the same time.)
 * A core that does not answer costs the action at most 6 s at its end, and is no error.
 */
#pragma once

#include <glib.h>

/* Begin to do so for VM @id, if the setting says so.  After drv_status_begin(). */
void drv_progress_publish(guint64 id);
