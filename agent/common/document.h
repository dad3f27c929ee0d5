/* SPDX-License-Identifier: Apache-2.0 */
/* document.h - what a back end of the agent is asked: documents on stdin, one a line. */
#pragma once

#include "base/json.h"

/* The next one, an object of at most @max_size bytes; the last may lack its newline.  The
 * file that its member "output" names, which exists, is stdout from now on.  NULL without
 * @error: there are no more.
 */
json_object *agent_document_next(gsize max_size, GError **error);
