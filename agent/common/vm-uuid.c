/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/common/vm-uuid.h"

/* As of the metadata (job.h); never another, or VMs would lose their domains. */
#define NAMESPACE "https://one-native.org/xmlns/agent/1.0"

static char *
made_of(const char *id)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
    guint8 digest[20];
    gsize size = sizeof digest;

    g_checksum_update(sum, (const guchar *)NAMESPACE, -1);
    g_checksum_update(sum, (const guchar *)id, -1);
    g_checksum_get_digest(sum, digest, &size);
    digest[6] = (guint8)((digest[6] & 0x0f) | 0x50);
    digest[8] = (guint8)((digest[8] & 0x3f) | 0x80);
    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
                           "%02x%02x%02x%02x%02x%02x",
                           digest[0],
                           digest[1],
                           digest[2],
                           digest[3],
                           digest[4],
                           digest[5],
                           digest[6],
                           digest[7],
                           digest[8],
                           digest[9],
                           digest[10],
                           digest[11],
                           digest[12],
                           digest[13],
                           digest[14],
                           digest[15]);
}

char *
agent_uuid(const char *id)
{
    return g_uuid_string_is_valid(id) ? g_ascii_strdown(id, -1) : made_of(id);
}

gboolean
agent_uuid_is_valid(const char *text)
{
    g_autofree char *lower = g_ascii_strdown(text, -1);

    return g_uuid_string_is_valid(text) && g_str_equal(lower, text);
}
