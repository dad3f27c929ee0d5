/* SPDX-License-Identifier: Apache-2.0 */
/* base/bytes.h - units, and what is nothing. */
#pragma once

#include <glib.h>
#include <string.h>

#define DRV_MIB ((guint64)1024 * 1024)

static inline gboolean
drv_bytes_are_zero(gconstpointer data, gsize size)
{
    const guint8 *at = data;

    return size == 0 || (*at == 0 && memcmp(at, at + 1, size - 1) == 0);
}
