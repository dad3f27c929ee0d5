/* SPDX-License-Identifier: Apache-2.0 */
/* tm-context.h - the words that context is given, as files of an image. */
#pragma once

#include "drv-iso.h"

/* Add what @word names to the image: "http(s)://…" is fetched, "PATH:'NAME'" and
 * "PATH:NAME" get that name, "PATH" keeps its own.
 */
gboolean
tm_context_add(DrvIso *iso, const char *word, GError **error) G_GNUC_WARN_UNUSED_RESULT;
