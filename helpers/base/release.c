/* SPDX-License-Identifier: Apache-2.0 */
#include "base/release.h"

#include <stdio.h>

#include "base/log.h"

static const DrvRelease newest_known = { 7, 4, 0 };

gboolean
drv_release_parse(const char *text, DrvRelease *release)
{
    DrvRelease read = { 0, 0, 0 };

    if (sscanf(text, "%u.%u.%u", &read.major, &read.minor, &read.patch) < 2)
        return FALSE;
    *release = read;
    return TRUE;
}

const DrvRelease *
drv_release_of(const char *remotes_dir)
{
    static DrvRelease release;
    static gsize known = 0;

    if (g_once_init_enter(&known)) {
        g_autofree char *path = g_build_filename(remotes_dir, "VERSION", NULL);
        g_autofree char *text = NULL;

        release = newest_known;
        if (g_file_get_contents(path, &text, NULL, NULL) &&
            !drv_release_parse(text, &release))
            drv_warn("'%s' has no release number, assuming %u.%u",
                     path,
                     newest_known.major,
                     newest_known.minor);
        g_once_init_leave(&known, 1);
    }
    return &release;
}

gboolean
drv_release_at_least(const DrvRelease *release, guint major, guint minor, guint patch)
{
    if (release->major != major)
        return release->major > major;
    if (release->minor != minor)
        return release->minor > minor;
    return release->patch >= patch;
}

DrvErrorEra
drv_release_error_era(const DrvRelease *release)
{
    if (drv_release_at_least(release, 7, 0, 0))
        return DRV_ERA_FILTERED;
    if (drv_release_at_least(release, 6, 0, 3))
        return DRV_ERA_WHOLE;
    return DRV_ERA_MARKERS;
}
