/* SPDX-License-Identifier: Apache-2.0 */
/* vm-uuid.h - which domain is a VM's. */
#pragma once

#include <glib.h>

/* The UUID in @id's place: itself in lower case if it is one, else a version 5 UUID made
 * of it, so that the same VM has the same one at each start.  Caller frees.
 */
char *agent_uuid(const char *id);

/* Lower case, as libvirt prints them. */
gboolean agent_uuid_is_valid(const char *text);
