/* SPDX-License-Identifier: Apache-2.0 */
/* The table of states as text: "UUID id times-missing STATE" a line. */
#include <string.h>

#include "im/state/states-private.h"

char *
im_states_to_text(const ImStates *states)
{
    GString *text = g_string_new(NULL);
    GHashTableIter rows;
    gpointer data;

    g_hash_table_iter_init(&rows, states->rows);
    while (g_hash_table_iter_next(&rows, NULL, &data)) {
        const Row *row = data;

        g_string_append_printf(text,
                               "%s %" G_GINT64_FORMAT " %u %s\n",
                               row->uuid,
                               row->id,
                               row->missing,
                               row->state ? row->state : "-");
    }
    return g_string_free(text, FALSE);
}

void
im_states_from_text(ImStates *states, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (guint i = 0; lines[i]; i++) {
        g_auto(GStrv) words = g_strsplit(lines[i], " ", 4);
        guint64 missing;
        gint64 id;
        Row *row;

        if (g_strv_length(words) != 4 ||
            !g_ascii_string_to_signed(words[1], 10, -1, G_MAXINT32, &id, NULL) ||
            !g_ascii_string_to_unsigned(words[2], 10, 0, G_MAXINT32, &missing, NULL))
            continue;
        row = im_states_row(states, words[0], id);
        row->missing = (guint)missing;
        row->state = g_str_equal(words[3], "-") ? NULL : g_intern_string(words[3]);
    }
}
