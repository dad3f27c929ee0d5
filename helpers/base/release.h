/* SPDX-License-Identifier: Apache-2.0 */
/* base/release.h - which front-end this is, and what follows from it.
 *
 * The release is the content of the file VERSION beside the remotes ("7.4.0").  Without
 * it the newest known behaviour is assumed.  docs/compatibility.md has the table.
 */
#pragma once

#include <glib.h>

typedef struct {
    guint major;
    guint minor;
    guint patch;
} DrvRelease;

/* What the front-end makes of our stderr (storage protocol, section 1.4). */
typedef enum {
    DRV_ERA_MARKERS,  /* up to 6.0.2: the text between two marker lines */
    DRV_ERA_WHOLE,    /* 6.0.3 to 6.10: all of stderr */
    DRV_ERA_FILTERED, /* from 7.0: what is not a log line */
} DrvErrorEra;

/* Parse "6.10.5" or "4.14.2" (more numbers are ignored); FALSE when it is neither. */
gboolean drv_release_parse(const char *text, DrvRelease *release);

/* The release of this tree: <@remotes_dir>/VERSION, read once. */
const DrvRelease *drv_release_of(const char *remotes_dir);

gboolean
drv_release_at_least(const DrvRelease *release, guint major, guint minor, guint patch);
DrvErrorEra drv_release_error_era(const DrvRelease *release);
