/* SPDX-License-Identifier: Apache-2.0 */
/* tm-context.h - the words that context is given, as files of an image. */
#pragma once

#include "image/iso.h"

/* The words of context, whole: "PATH:'a", "b'" is one, whose blank the front-end has
 * taken for the end of a word.  Caller frees.
 */
char **tm_context_words(int n, char **words);

/* Add what @word names to the image: "http(s)://…" is fetched, "PATH:'NAME'" and
 * "PATH:NAME" get that name, "PATH" keeps its own.
 */
gboolean
tm_context_add(DrvIso *iso, const char *word, GError **error) G_GNUC_WARN_UNUSED_RESULT;
