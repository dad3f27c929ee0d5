/* SPDX-License-Identifier: Apache-2.0 */
/* json-line.h - what the agent's programs say to its core: one JSON object a line. */
#pragma once

#include "base/json.h"

/* Print @line (taken over) on stdout.  A reader that is gone stops nothing: @why_ignored
 * says why that is not an error here.
 */
void agent_print_line(json_object *line, const char *why_ignored);
