/* SPDX-License-Identifier: Apache-2.0 */
/* xml-private.h - between xml.c and xml-read.c. */
#ifndef DRV_ALLOW_PRIVATE
#error "xml-private.h is for xml*.c only"
#endif
#pragma once

#include <glib.h>
#include <libxml/tree.h>

/* Without network, external files and document type declarations, at most DRV_DUMP_MAX
 * bytes; NULL with DRV_ERROR_DUMP "<what> is …".
 */
xmlDoc *drv_xml_read(const char *what, const char *text, gsize size, GError **error);
