/* SPDX-License-Identifier: Apache-2.0 */
/* emit.h - a document as YAML (libyaml). */
#pragma once

#include "base/json.h"

/* Objects, arrays, text, numbers.  Text that would be read as a number or a word of YAML
 * is quoted, unless its key is @plain (may be NULL).  With "---" before it.  Caller
 * frees.
 */
char *emit_yaml(json_object *document, const char *plain);
