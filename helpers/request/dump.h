/* SPDX-License-Identifier: Apache-2.0 */
/* request/dump.h - the XML that front-ends send, read and never trusted.
 *
 * Parsed by libxml2 without network, entities or external files; a document type
 * declaration is refused, and so is anything over DRV_DUMP_MAX bytes.
 */
#pragma once

#include <glib.h>

#define DRV_DUMP_MAX (64 * 1024 * 1024) /* bytes of XML */

typedef struct DrvDump DrvDump;

void drv_dump_free(DrvDump *dump);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvDump, drv_dump_free)

/* Parse @size bytes of plain XML, or of its base64 form (spaces and newlines anywhere).
 * NULL with DRV_ERROR_DUMP.
 */
DrvDump *drv_dump_parse(const char *data, gsize size, GError **error);

/* Parse what a datastore action was given: argv is "DUMP ID", "- ID" or "ID", where the
 * dump comes from stdin in the last two (storage protocol, section 1.5).  @id (owned by
 * argv) is the last of them.
 */
DrvDump *drv_dump_read_action(int argc, char **argv, const char **id, GError **error);

/* TRUE when the dump came from stdin, which only 6.4.4 and later do. */
gboolean drv_dump_came_from_stdin(const DrvDump *dump);

/* The text of the first element that @xpath (relative to the root element) selects.
 * "a|b" tries one after the other until one has text.  *text is NULL when there is none;
 * caller frees.  FALSE only when the expression itself is wrong.
 */
gboolean drv_dump_value(DrvDump *dump, const char *xpath, char **text, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* The texts of all elements @xpath selects, NULL-terminated; caller frees. */
char **drv_dump_values(DrvDump *dump, const char *xpath);

/* Give $name in later expressions this text. */
void drv_dump_set_variable(DrvDump *dump, const char *name, const char *text);

/* The document as text, e.g. to hand it on; caller frees. */
char *drv_dump_to_text(DrvDump *dump);

/* A document of one level: @children is name, text, name, text, …, NULL.  Without XML
 * declaration; caller frees.
 */
char *drv_dump_build(const char *root, const char *const *children);
