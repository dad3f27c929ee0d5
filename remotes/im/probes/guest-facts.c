/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's operating system and addresses, as the front-end shows them. */
#include <arpa/inet.h>
#include <string.h>

#include "im/probes/guest.h"

#define WORD_MAX 128 /* bytes of a name or version */
#define MOST 64      /* addresses, and interfaces that are looked at */

static void
say_word(GString *out, const char *key, const char *word)
{
    g_autofree char *cut = word ? g_strndup(word, WORD_MAX) : NULL;

    if (cut && *cut)
        im_add(out, key, cut);
}

/* The family, which agents do not report: "mswindows" is the only name of its own. */
static const char *
type_of(const char *id)
{
    if (strstr(id, "windows"))
        return "windows";
    return g_str_has_suffix(id, "bsd") ? "bsd" : "linux";
}

void
guest_say_os(GHashTable *facts, GString *out)
{
    const char *id = g_hash_table_lookup(facts, "os.id");
    const char *version = g_hash_table_lookup(facts, "os.version-id");

    say_word(out, "OS_ID", id);
    if (id && *id)
        say_word(out, "OS_TYPE", type_of(id));
    say_word(
        out, "OS_VERSION", version ? version : g_hash_table_lookup(facts, "os.version"));
    say_word(out, "OS_MACHINE", g_hash_table_lookup(facts, "os.machine"));
}

/* An address by which others may reach the guest, as it is usually written. */
static gboolean
is_public(const char *text, char normal[INET6_ADDRSTRLEN])
{
    struct in_addr four;
    struct in6_addr six;

    if (inet_pton(AF_INET, text, &four) == 1) {
        guint32 host = ntohl(four.s_addr);

        return host >> 24 != 127 && host >> 16 != 0xa9fe && host != 0 &&
               inet_ntop(AF_INET, &four, normal, INET6_ADDRSTRLEN) != NULL;
    }
    return inet_pton(AF_INET6, text, &six) == 1 && !IN6_IS_ADDR_LOOPBACK(&six) &&
           !IN6_IS_ADDR_LINKLOCAL(&six) && !IN6_IS_ADDR_UNSPECIFIED(&six) &&
           inet_ntop(AF_INET6, &six, normal, INET6_ADDRSTRLEN) != NULL;
}

static void
collect(GHashTable *facts, guint interface, GPtrArray *found)
{
    for (guint i = 0; found->len < MOST; i++) {
        g_autofree char *name = g_strdup_printf("if.%u.addr.%u.addr", interface, i);
        const char *text = g_hash_table_lookup(facts, name);
        char normal[INET6_ADDRSTRLEN];

        if (text == NULL)
            return;
        if (is_public(text, normal) &&
            !g_ptr_array_find_with_equal_func(found, normal, g_str_equal, NULL))
            g_ptr_array_add(found, g_strdup(normal));
    }
}

gboolean
guest_say_addresses(GHashTable *facts, GString *out)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *all = NULL;

    for (guint i = 0; i < MOST; i++)
        collect(facts, i, found);
    if (found->len == 0)
        return FALSE;
    g_ptr_array_add(found, NULL);
    all = g_strjoinv(",", (char **)found->pdata);
    im_add(out, "GUEST_IP_ADDRESSES", all);
    return TRUE;
}
