/* SPDX-License-Identifier: Apache-2.0 */
/* spool.h - tasks and results on disk: what was accepted is answered, once.
 *
 * A task is one file, whose name and directory say all that has to be known of it:
 *
 *     tasks/NUMBER-KEY      accepted, not finished; the message as it came
 *     results/NUMBER-KEY    finished; the answer, which the broker has not taken yet
 *     done/NUMBER-KEY       the same, taken
 *
 * NUMBER counts arrivals, 20 digits; KEY is the SHA-256 of the task's id, or "-" when it
 * has none.  Each step is one atomic rename of a file that was synchronised:
 * a process that is killed between any two leaves one state or the other.  The order of
 * the two directories counts: a task that is in both is finished.
 *
 * Functions may be called from any thread.
 */
#pragma once

#include <glib.h>

typedef struct Spool Spool;

/* Open @directory, which is made if missing, and lock it: DRV_ERROR_BUSY when another
 * process has it.  What is older than @keep_days, or beyond @keep_count, of done/ is
 * removed, now and later.
 */
Spool *
spool_open(const char *directory, gint64 keep_days, gint64 keep_count, GError **error);
void spool_close(Spool *spool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Spool, spool_close)

/* Names in tasks/, and in results/, in order of arrival; caller frees. */
GPtrArray *spool_waiting(Spool *spool);
GPtrArray *spool_unsent(Spool *spool);

typedef enum {
    SPOOL_NEW,      /* accepted: *name is the caller's */
    SPOOL_RUNNING,  /* the same id is accepted and not finished: nothing to do */
    SPOOL_FINISHED, /* its answer is in results/ (again): *name is the caller's */
    SPOOL_FAILED,   /* @error: it was not accepted */
} SpoolAccept;

/* Accept a message; @id may be NULL.  It is on disk when this returns SPOOL_NEW. */
SpoolAccept spool_accept(Spool *spool,
                         const char *id,
                         const char *text,
                         gsize size,
                         char **name,
                         GError **error);

/* The message of a task, the answer of a result; caller frees. */
gboolean spool_task(Spool *spool,
                    const char *name,
                    char **text,
                    gsize *size,
                    GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean spool_result(Spool *spool,
                      const char *name,
                      char **text,
                      gsize *size,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The task is finished with this answer. */
gboolean spool_finish(Spool *spool, const char *name, const char *text, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* The broker has the answer. */
void spool_sent(Spool *spool, const char *name);

/* "0017-5f2a…", what a task is called in the agent's debug_info: short, and the same in
 * every process that runs it.  Caller frees.
 */
char *spool_label(const char *name);
