/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "image/chain-private.h"
#include "image/snapshots.h"
#include "request/request.h"

#define SNAP ".snap"
#define MAX_LINKS 4 /* a disk's, the one to the image, the image's own */

void
drv_chain_place_clear(DrvChainPlace *place)
{
    drv_fd_close_one(place->fd);
    g_free(place->path);
    g_clear_pointer(&place->names, g_ptr_array_unref);
    *place = (DrvChainPlace)DRV_CHAIN_PLACE_INIT;
}

static const char *
name_at(const DrvChainPlace *place, guint i)
{
    return g_ptr_array_index(place->names, i);
}

/* The first @n names as a path below the datastore; caller frees. */
static char *
join(const DrvChainPlace *place, guint n)
{
    GString *path = g_string_new(n ? NULL : ".");

    for (guint i = 0; i < n; i++)
        g_string_append_printf(path, "%s%s", i ? "/" : "", name_at(place, i));
    return g_string_free(path, FALSE);
}

static int
open_dir(const DrvChainPlace *place, guint n, GError **error)
{
    g_autofree char *path = join(place, n);

    return drv_path_open_beneath(
        place->fd, place->path, path, O_PATH | O_DIRECTORY, 0, error);
}

static gboolean
is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* --- splitting ------------------------------------------------------------------------
 */

/* What follows the root in @path, which may name it in another way; or NULL. */
static const char *
after_root(const char *root, const char *path)
{
    struct stat wanted, there;

    if (drv_path_is_below(path, root))
        return path + (g_str_equal(root, "/") ? 0 : strlen(root));
    if (stat(root, &wanted) < 0)
        return NULL;
    for (const char *slash = strchr(path + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        g_autofree char *head = g_strndup(path, (gsize)(slash - path));

        if (stat(head, &there) == 0 && is_same(&wanted, &there))
            return slash;
    }
    return NULL;
}

static void
add_names(GPtrArray *names, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);

    for (guint i = 0; parts[i]; i++) {
        if (*parts[i] && !g_str_equal(parts[i], "."))
            g_ptr_array_add(names, g_strdup(parts[i]));
    }
}

/* The datastore and at least @least names below it. */
static gboolean
split(
    DrvChainPlace *place, const char *root, const char *path, guint least, GError **error)
{
    g_autofree char *clean = drv_path_collapse(path);
    g_autofree char *clean_root = drv_path_collapse(root);
    const char *rest;

    if (!drv_request_check_path("file", clean, error))
        return FALSE;
    place->names = g_ptr_array_new_with_free_func(g_free);
    rest = after_root(clean_root, clean);
    if (rest)
        add_names(place->names, rest);
    if (place->names->len <= least)
        return drv_throw(
            error, DRV_ERROR_REFUSED, "'%s' is in no datastore below '%s'", path, root);
    place->path = g_build_filename(clean_root, name_at(place, 0), NULL);
    g_ptr_array_remove_index(place->names, 0);
    place->fd = drv_path_open_dir(place->path, error);
    return place->fd >= 0;
}

/* --- links ----------------------------------------------------------------------------
 */

static gboolean
refuse(const DrvChainPlace *place, guint n, const char *text, GError **error)
{
    g_autofree char *path = join(place, n);

    return drv_throw(error,
                     DRV_ERROR_REFUSED,
                     "'%s/%s' is a symbolic link to '%s', which is not followed",
                     place->path,
                     path,
                     text);
}

/* Is @text of a link in @dir_fd, whose name is @name, that same directory? */
static gboolean
leads_to_itself(int dir_fd, const char *name, const char *text)
{
    g_autofree char *tail = g_strconcat("/", name, NULL);
    g_autofree char *clean = drv_path_collapse(text);
    struct stat here, there;

    if (g_str_equal(text, "."))
        return TRUE;
    return *text == '/' && g_str_has_suffix(clean, tail) && fstat(dir_fd, &here) == 0 &&
           stat(text, &there) == 0 && is_same(&here, &there);
}

/* "x.snap/x.snap" is "x.snap". */
static gboolean
skip_self_links(DrvChainPlace *place, GError **error)
{
    for (guint i = 1; i < place->names->len;) {
        const char *name = name_at(place, i);
        g_auto(DrvFd) fd = -1;
        g_autofree char *text = NULL;

        if (!g_str_has_suffix(name, SNAP) || !g_str_equal(name, name_at(place, i - 1))) {
            i++;
            continue;
        }
        fd = open_dir(place, i, error);
        if (fd < 0)
            return FALSE;
        text = drv_path_read_link(fd, name);
        if (text == NULL)
            return drv_throw(error,
                             DRV_ERROR_NOT_FOUND,
                             "'%s/%s' has no link to itself",
                             place->path,
                             name);
        if (!leads_to_itself(fd, name, text))
            return refuse(place, i + 1, text, error);
        g_ptr_array_remove_index(place->names, i);
    }
    return TRUE;
}

/* "<x>" is a link to "<x>.snap/<n>". */
static gboolean
leads_to_active(const char *name, const char *text)
{
    g_autofree char *head = g_strconcat(name, SNAP "/", NULL);

    return g_str_has_prefix(text, head) && drv_snapshots_is_number(text + strlen(head));
}

/* "<x>.snap/<n>" is a link to <x>: *image is the name.  Caller frees. */
static gboolean
leads_to_image(const DrvChainPlace *place, const char *text, char **image)
{
    guint n = place->names->len;
    g_auto(DrvFd) fd = -1;
    g_autofree char *base = g_path_get_basename(text);
    struct stat here, there;

    if (*text != '/' || !drv_chain_place_is_numbered(place))
        return FALSE;
    *image =
        g_strndup(name_at(place, n - 2), strlen(name_at(place, n - 2)) - strlen(SNAP));
    fd = open_dir(place, n - 2, NULL);
    return g_str_equal(base, *image) && fd >= 0 && fstatat(fd, *image, &here, 0) == 0 &&
           stat(text, &there) == 0 && is_same(&here, &there);
}

/* If the last name is a link, go where it leads. */
static gboolean
follow_last(DrvChainPlace *place, gboolean *followed, GError **error)
{
    guint n = place->names->len;
    g_auto(DrvFd) fd = open_dir(place, n - 1, error);
    g_autofree char *text = NULL;
    g_autofree char *image = NULL;

    *followed = FALSE;
    if (fd < 0)
        return FALSE;
    text = drv_path_read_link(fd, name_at(place, n - 1));
    if (text == NULL)
        return TRUE;
    *followed = TRUE;
    if (leads_to_active(name_at(place, n - 1), text)) {
        g_ptr_array_set_size(place->names, (gint)n - 1);
        add_names(place->names, text);
        return TRUE;
    }
    if (leads_to_image(place, text, &image)) {
        g_ptr_array_set_size(place->names, (gint)n - 2);
        add_names(place->names, image);
        return TRUE;
    }
    return refuse(place, n, text, error);
}

gboolean
drv_chain_place_find(DrvChainPlace *place,
                     const char *root,
                     const char *path,
                     GError **error)
{
    gboolean followed = TRUE;

    if (!split(place, root, path, 1, error) || !skip_self_links(place, error))
        return FALSE;
    for (guint i = 0; followed; i++) {
        if (i > MAX_LINKS)
            return drv_throw(
                error, DRV_ERROR_REFUSED, "'%s' goes through too many links", path);
        if (!follow_last(place, &followed, error))
            return FALSE;
    }
    return TRUE;
}

int
drv_chain_open_dir(const char *root, const char *path, GError **error)
{
    g_auto(DrvChainPlace) place = DRV_CHAIN_PLACE_INIT;
    g_autofree char *below = NULL;

    if (!split(&place, root, path, 0, error) || !skip_self_links(&place, error))
        return -1;
    below = join(&place, place.names->len);
    return drv_path_open_beneath(
        place.fd, place.path, below, O_RDONLY | O_DIRECTORY, 0, error);
}

int
drv_chain_place_open(const DrvChainPlace *place, int flags, GError **error)
{
    g_autofree char *path = join(place, place->names->len);

    if (!(flags & O_PATH)) /* that opens nothing, and takes no such flags */
        flags |= O_NONBLOCK | O_NOCTTY;
    return drv_path_open_beneath(place->fd, place->path, path, flags, 0, error);
}

/* --- asking --------------------------------------------------------------------------
 */

gboolean
drv_chain_place_is_numbered(const DrvChainPlace *place)
{
    guint n = place->names->len;

    return n >= 2 && g_str_has_suffix(name_at(place, n - 2), SNAP) &&
           drv_snapshots_is_number(name_at(place, n - 1));
}

gboolean
drv_chain_place_is_image(const DrvChainPlace *place)
{
    guint n = place->names->len;

    return *name_at(place, 0) != '.' &&
           (n == 1 || (n == 2 && drv_chain_place_is_numbered(place)));
}

gboolean
drv_chain_place_is_same_vm(const DrvChainPlace *a, const DrvChainPlace *b)
{
    return g_str_equal(a->path, b->path) && !drv_chain_place_is_image(a) &&
           !drv_chain_place_is_image(b) && g_str_equal(name_at(a, 0), name_at(b, 0));
}
