/* SPDX-License-Identifier: Apache-2.0 */
/* vm-xml.h - changes of a domain's XML before its start. */
#pragma once

#include "base/json.h"

/* @text with other sizes and pinning: 0 and NULL leave them as they are.  *name and *uuid
 * (NULL: none) are those of the document, the caller's.  DRV_ERROR_DUMP: not a domain
 * with a name.
 */
char *vm_xml_edit(const char *text,
                  gint64 memory_kib,
                  gint64 vcpus,
                  json_object *cpus,
                  char **name,
                  char **uuid,
                  GError **error);

/* Its name, NULL: none; caller frees. */
char *vm_xml_name(const char *text);
