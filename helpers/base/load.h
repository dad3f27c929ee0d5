/* SPDX-License-Identifier: Apache-2.0 */
/* base/load.h - libraries that only some runs need, loaded when they do.
 *
 * Linking libcurl costs every start 4 ms, libcrypto 2 ms, libarchive 1 ms, whether or
 * not something is fetched, unpacked or digested.  base/load-curl.h and its like stand in
 * for the library's own header: its functions keep their names and types, and are called
 * through a table.
 *
 *     if (!drv_load_curl(error))
 *         return FALSE;
 *     easy = curl_easy_init();
 *
 * Whoever calls the library first loads it; that costs nothing when it is loaded.
 * A library once loaded stays.  These functions may be called from any thread.
 */
#pragma once

#include <glib.h>

/* DRV_ERROR_FAILED when the library is not installed, or lacks a function we use. */
gboolean drv_load_curl(GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_load_archive(GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_load_isal(GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_load_crypto(GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* How such a table is made of a list of functions, each as _(name). */
#define DRV_LOAD_MEMBER(name) __typeof__(name) *name;
#define DRV_LOAD_NAME(name) #name,

/* Load @library (once: *done remembers) and fill @table, an array of as many function
 * pointers as @names has, ending with NULL.
 */
gboolean drv_load(const char *library,
                  const char *const *names,
                  gpointer *table,
                  gsize *done,
                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
