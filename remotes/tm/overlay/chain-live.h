/* SPDX-License-Identifier: Apache-2.0 */
/* chain-live.h - the chain of a running disk, and taking files out of it. */
#pragma once

#include "tm/overlay/live.h"
#include "tm/overlay/snapshot.h"

/* The file of the running chain that is backed by @file, and how many files @file is
 * below the active one; *above is NULL when the chain lacks @file.
 */
gboolean tm_chain_find_above(const TmSnapDisk *snap,
                             const char *file,
                             char **above,
                             guint *depth,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Bring into the active file what is above the file @depth files down, or above one still
 * deeper.
 */
gboolean tm_chain_pull(const TmSnapDisk *snap,
                       TmLive *live,
                       const char *target,
                       guint depth,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* May the hypervisor write to the file @depth files down, which is @file? */
gboolean tm_chain_may_write(const TmSnapDisk *snap,
                            TmLive *live,
                            const char *target,
                            guint depth,
                            const char *file);

/* Write what is in @above down into @file, @depth files down, right below it.  A note
 * says then that @above's snapshot is in @file; @above itself stays for the caller.
 */
gboolean tm_chain_write_down(TmSnapDisk *snap,
                             TmLive *live,
                             const char *target,
                             const char *above,
                             const char *file,
                             guint depth,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
