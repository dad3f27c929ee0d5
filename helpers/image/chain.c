/* SPDX-License-Identifier: Apache-2.0 */
#include "image/chain.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/chain-private.h"
#include "image/inspect.h"

#define MAX_FILES 512 /* a chain that is longer goes round in circles */

int
drv_chain_open(const char *root, const char *path, int flags, GError **error)
{
    g_auto(DrvChainPlace) place = DRV_CHAIN_PLACE_INIT;

    return drv_chain_place_find(&place, root, path, error)
               ? drv_chain_place_open(&place, flags, error)
               : -1;
}

int
drv_chain_open_image(const char *path, GError **error)
{
    g_autofree char *clean = drv_path_collapse(path);
    g_autofree char *datastore = g_path_get_dirname(clean);
    g_autofree char *root = g_path_get_dirname(datastore);

    return drv_chain_open(root, clean, O_RDONLY, error);
}

/* One file of a chain, and what is known of it before it is looked at. */
typedef struct {
    char *path;   /* as the tool makes it up */
    char *format; /* as the file above says; NULL: it does not */
} Link;

static void
link_clear(Link *link)
{
    g_free(link->path);
    g_free(link->format);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Link, link_clear)

static gboolean
inspect(const Link *link, const DrvChainPlace *place, DrvImageInfo *info, GError **error)
{
    g_auto(DrvFd) fd = drv_chain_place_open(place, O_RDONLY, error);
    struct stat file;

    if (fd < 0)
        return FALSE;
    if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode))
        return drv_throw(error, DRV_ERROR_REFUSED, "'%s' is not a file", link->path);
    info->format = DRV_IMAGE_RAW;
    if (g_strcmp0(link->format, "raw") == 0)
        return TRUE;
    return drv_inspect_fd(fd, link->path, info, error);
}

/* What no file of a chain may be. */
static gboolean
admit(const Link *link,
      const DrvChainPlace *place,
      const DrvImageInfo *info,
      GError **error)
{
    const char *format = drv_inspect_format_name(info->format);

    if (link->format && !g_str_equal(link->format, format))
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "'%s' is %s, not %s as declared",
                         link->path,
                         format,
                         link->format);
    if (info->has_data_file || info->names_other_files)
        return drv_throw(
            error, DRV_ERROR_REFUSED, "'%s' has an external data file", link->path);
    if (info->format == DRV_IMAGE_QCOW2) {
        if (info->backing_file && link->format == NULL &&
            !drv_chain_place_is_numbered(place))
            return drv_throw(error,
                             DRV_ERROR_REFUSED,
                             "'%s' has a backing file, but is not declared qcow2",
                             link->path);
        return TRUE;
    }
    return drv_inspect_admit(info, link->path, error);
}

/* The next file: as qemu makes it up, beside the name by which this one was opened. */
static gboolean
descend(Link *link, const DrvImageInfo *info, GError **error)
{
    const char *name = info->backing_file;
    g_autofree char *directory = g_path_get_dirname(link->path);
    g_autofree char *next = NULL;

    if (*name != '/' && strcspn(name, ":") < strcspn(name, "/"))
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "'%s' has backing file '%s', which is not a plain path",
                         link->path,
                         name);
    next = *name == '/' ? g_strdup(name) : g_build_filename(directory, name, NULL);
    g_free(link->path);
    link->path = g_steal_pointer(&next);
    g_free(link->format);
    link->format = g_strdup(info->backing_format);
    return TRUE;
}

/* Look at one file; *info tells if there is a next. */
static gboolean
check_one(const Link *link,
          const char *root,
          const DrvChainPlace *top,
          DrvChainPlace *place,
          DrvImageInfo *info,
          GError **error)
{
    if (!drv_chain_place_find(place, root, link->path, error))
        return FALSE;
    if (top->names && !drv_chain_place_is_image(place) &&
        !drv_chain_place_is_same_vm(top, place))
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "'%s' is neither an image nor a file of this VM",
                         link->path);
    return inspect(link, place, info, error) && admit(link, place, info, error);
}

static DrvChainPlace
place_steal(DrvChainPlace *place)
{
    DrvChainPlace stolen = *place;

    *place = (DrvChainPlace)DRV_CHAIN_PLACE_INIT;
    return stolen;
}

gboolean
drv_chain_check(const char *root, const char *path, const char *format, GError **error)
{
    g_auto(Link) link = { g_strdup(path), g_strdup(format) };
    g_auto(DrvChainPlace) top = DRV_CHAIN_PLACE_INIT;

    for (guint i = 0; i < MAX_FILES; i++) {
        g_auto(DrvChainPlace) place = DRV_CHAIN_PLACE_INIT;
        g_auto(DrvImageInfo) info = { 0 };

        if (!check_one(&link, root, &top, &place, &info, error))
            return FALSE;
        if (info.backing_file == NULL)
            return TRUE;
        if (!descend(&link, &info, error))
            return FALSE;
        if (i == 0)
            top = place_steal(&place);
    }
    return drv_throw(error,
                     DRV_ERROR_REFUSED,
                     "'%s' has more than %d files in its chain",
                     path,
                     MAX_FILES);
}
