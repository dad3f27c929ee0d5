/* SPDX-License-Identifier: Apache-2.0 */
/* print.h - what reaches people: nothing of it can command their terminal.
 *
 * Texts of the agent come from guests, files and other hosts.  Characters that are not
 * printable (control, C1, bidirectional overrides, invalid UTF-8) are shown as \x1b or
 * \u{202e}; in JSON they are \u escapes, so that it stays the same JSON.
 */
#pragma once

#include "agent/common/json.h"

/* Headings and errors in colour where their stream is a terminal; and whether a terminal
 * can redraw its last line.  Both are off at first.
 */
void print_set_terminal(gboolean color, gboolean bar);

/* A line on stdout; made safe. */
void print_line(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* A text of many lines as it is, but for what a terminal might obey. */
void print_text(const char *text);
/* One line of JSON, or with @pretty several. */
void print_json(json_object *value, gboolean pretty);
/* Any JSON for people: "key: value", indented. */
void print_tree(json_object *value);

/* Seconds since 1970 as local time; caller frees. */
char *print_time(double seconds);

/* What went wrong, on stderr: "drv: message". */
void print_error(const char *message);
/* News on stderr that is not an error. */
void print_note(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* A table: rows of cells (strings), columns as wide as they need to be; the first row is
 * the heading.
 */
typedef struct {
    guint columns;
    GPtrArray *cells; /* char * */
} Table;
#define TABLE_INIT                                                                       \
    {                                                                                    \
        0, NULL                                                                          \
    }
void table_clear(Table *table);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Table, table_clear)
/* As many texts as the first row had, then NULL. */
void table_row(Table *table, ...) G_GNUC_NULL_TERMINATED;
void table_print(const Table *table);

/* "[####....] 50 %" of @width characters and the number, or the number only where stdout
 * is not a terminal; caller frees.
 */
char *bar_text(double part, int width);
/* Where stdout is a terminal, begin its screen again. */
void print_clear(void);

/* The last line of a terminal, on stderr, redrawn; nothing where stderr is not a
 * terminal.
 */
void bar_draw(double part, const char *text);
void bar_clear(void);

/* What was written is really out: FALSE, and *why, when stdout is full or gone. */
gboolean print_flush(const char **why);
