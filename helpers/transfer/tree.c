/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"

#define WIRE_TYPE G_VARIANT_TYPE("(ssta(yssutxa(say)))")
#define XATTR_MAX (64 * 1024)
#define STAGE_PREFIX ".drv-"
#define NS_PER_S 1000000000LL

static void
entry_free(gpointer data)
{
    DrvEntry *entry = data;

    g_free(entry->path);
    g_free(entry->link);
    g_free(entry->source);
    g_clear_pointer(&entry->xattrs, g_variant_unref);
    g_free(entry);
}

static DrvTree *
tree_new(void)
{
    DrvTree *tree = g_new0(DrvTree, 1);

    tree->entries = g_ptr_array_new_with_free_func(entry_free);
    return tree;
}

void
drv_tree_free(DrvTree *tree)
{
    if (tree == NULL)
        return;
    g_ptr_array_unref(tree->entries);
    g_free(tree->nonce);
    g_free(tree->source_dir);
    g_free(tree);
}

/* --- reading ---------------------------------------------------------------------------
 */

static GVariant *
no_xattrs(void)
{
    return g_variant_ref_sink(g_variant_new_array(G_VARIANT_TYPE("(say)"), NULL, 0));
}

/* A file system without attributes has none. */
static GVariant *
read_xattrs(int fd)
{
    g_autofree char *names = g_malloc(XATTR_MAX);
    g_autofree char *value = g_malloc(XATTR_MAX);
    gssize size = flistxattr(fd, names, XATTR_MAX);
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("a(say)"));
    for (const char *name = names; size > 0 && name < names + size;
         name += strlen(name) + 1) {
        gssize got =
            g_str_has_prefix(name, "user.") ? fgetxattr(fd, name, value, XATTR_MAX) : -1;

        if (got >= 0)
            g_variant_builder_add(
                &list,
                "(s@ay)",
                name,
                g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, value, (gsize)got, 1));
    }
    return g_variant_ref_sink(g_variant_builder_end(&list));
}

typedef struct {
    DrvTree *tree;
    const DrvSend *send;
    guint root;
} Walk;

static gboolean
walk(Walk *at, const char *source, const char *path, guint depth, GError **error);

static const char *
renamed(const DrvSend *send, const char *name)
{
    return g_strcmp0(name, send->from) == 0 ? send->to : name;
}

static char *
renamed_link(const DrvSend *send, char *text)
{
    gsize size = send->from ? strlen(send->from) : 0;

    if (size == 0 || strncmp(text, send->from, size) != 0 ||
        (text[size] != '/' && text[size] != '\0'))
        return text;
    {
        g_autofree char *old = text;

        return g_strconcat(send->to, old + size, NULL);
    }
}

static gboolean
walk_dir(
    Walk *at, int fd, const char *source, const char *path, guint depth, GError **error)
{
    g_auto(GStrv) names = drv_path_list(fd, source, error);

    if (names == NULL)
        return FALSE;
    if (depth >= DRV_TREE_MAX_DEPTH)
        return drv_throw(error, DRV_ERROR_REFUSED, "'%s' is nested too deeply", source);
    for (guint i = 0; names[i]; i++) {
        g_autofree char *below = g_build_filename(source, names[i], NULL);
        g_autofree char *as = g_build_filename(path, renamed(at->send, names[i]), NULL);

        if (!g_str_has_prefix(names[i], STAGE_PREFIX) &&
            !walk(at, below, as, depth + 1, error))
            return FALSE;
    }
    return TRUE;
}

static DrvEntry *
add_entry(Walk *at, const char *source, const char *path, const struct stat *info)
{
    DrvEntry *entry = g_new0(DrvEntry, 1);

    entry->type = S_ISDIR(info->st_mode)   ? DRV_ENTRY_DIR
                  : S_ISLNK(info->st_mode) ? DRV_ENTRY_LINK
                                           : DRV_ENTRY_FILE;
    entry->path = g_strdup(path);
    entry->source = g_strdup(source);
    entry->root = at->root;
    entry->mode = info->st_mode & 07777;
    entry->size = S_ISREG(info->st_mode) ? (guint64)info->st_size : 0;
    entry->mtime_ns = info->st_mtim.tv_sec * NS_PER_S + info->st_mtim.tv_nsec;
    g_ptr_array_add(at->tree->entries, entry);
    return entry;
}

static gboolean
walk_open(Walk *at, const char *source, const char *path, guint depth, GError **error)
{
    const DrvSendRoot *root = at->send->roots + at->root;
    g_auto(DrvFd) fd = drv_path_open_beneath(
        root->dir_fd, root->where, source, O_RDONLY | O_NONBLOCK, 0, error);
    struct stat info;
    DrvEntry *entry;

    if (fd < 0)
        return FALSE;
    if (fstat(fd, &info) < 0)
        return drv_throw_errno(error, "cannot stat '%s/%s'", root->where, source);
    entry = add_entry(at, source, path, &info);
    entry->link = g_strdup("");
    entry->xattrs = read_xattrs(fd);
    if (S_ISDIR(info.st_mode))
        return walk_dir(at, fd, source, path, depth, error);
    at->tree->allocated += (guint64)info.st_blocks * 512;
    return TRUE;
}

static gboolean
walk(Walk *at, const char *source, const char *path, guint depth, GError **error)
{
    const DrvSendRoot *root = at->send->roots + at->root;
    g_autofree char *link = NULL;
    struct stat info;
    DrvEntry *entry;

    if (at->tree->entries->len >= DRV_TREE_MAX_ENTRIES)
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "'%s/%s' has more than %d files",
                         root->where,
                         root->name,
                         DRV_TREE_MAX_ENTRIES);
    if (fstatat(root->dir_fd, source, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return drv_throw_errno(error, "cannot stat '%s/%s'", root->where, source);
    if (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))
        return walk_open(at, source, path, depth, error);
    if (!S_ISLNK(info.st_mode)) {
        drv_info(
            "'%s/%s' stays: it is neither a file nor a directory", root->where, source);
        return TRUE;
    }
    link = drv_path_read_link(root->dir_fd, source);
    if (link == NULL)
        return drv_throw(
            error, DRV_ERROR_FAILED, "cannot read link '%s/%s'", root->where, source);
    entry = add_entry(at, source, path, &info);
    entry->link = renamed_link(at->send, g_steal_pointer(&link));
    entry->xattrs = no_xattrs();
    return TRUE;
}

DrvTree *
drv_tree_read(const DrvSend *send, GError **error)
{
    g_autoptr(DrvTree) tree = tree_new();
    Walk at = { .tree = tree, .send = send };

    tree->nonce = g_strdup(send->nonce ? send->nonce : "");
    tree->source_dir = g_strdup(send->roots[0].where);
    for (at.root = 0; at.root < send->n_roots; at.root++) {
        if (!walk(&at, send->roots[at.root].name, send->roots[at.root].as, 0, error))
            return NULL;
    }
    return g_steal_pointer(&tree);
}

/* --- the wire --------------------------------------------------------------------------
 */

GBytes *
drv_tree_pack(const DrvTree *tree)
{
    g_autoptr(GVariant) wire = NULL;
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("a(yssutxa(say))"));
    for (guint i = 0; i < tree->entries->len; i++) {
        const DrvEntry *entry = tree->entries->pdata[i];

        /* Names are bytes; GVariant's text is UTF-8. */
        g_autofree char *path = g_uri_escape_string(entry->path, "/", FALSE);
        g_autofree char *link = g_uri_escape_string(entry->link, "/", FALSE);

        g_variant_builder_add(&list,
                              "(yssutx@a(say))",
                              (guchar)entry->type,
                              path,
                              link,
                              entry->mode,
                              entry->size,
                              entry->mtime_ns,
                              entry->xattrs);
    }
    wire = g_variant_ref_sink(g_variant_new("(sst@a(yssutxa(say)))",
                                            tree->nonce,
                                            tree->source_dir,
                                            tree->allocated,
                                            g_variant_builder_end(&list)));
    if (G_BYTE_ORDER != G_LITTLE_ENDIAN) {
        g_autoptr(GVariant) native = g_steal_pointer(&wire);

        wire = g_variant_byteswap(native);
    }
    return g_variant_get_data_as_bytes(wire);
}

/* Relative, real components only, none of our own hidden names at the top. */
static gboolean
is_confined(const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);

    if (*path == '\0' || *path == '.')
        return FALSE;
    for (guint i = 0; parts[i]; i++) {
        if (*parts[i] == '\0' || strcmp(parts[i], ".") == 0 ||
            strcmp(parts[i], "..") == 0)
            return FALSE;
    }
    return g_strv_length(parts) <= DRV_TREE_MAX_DEPTH + 1;
}

static gboolean
check_entry(const DrvEntry *entry, guchar type, GHashTable *seen, GError **error)
{
    if (!strchr("dfl", type) || type == '\0' || entry->path == NULL ||
        entry->link == NULL || !is_confined(entry->path) || entry->size > G_MAXINT64 ||
        !g_hash_table_add(seen, entry->path))
        return drv_throw(error, DRV_ERROR_REFUSED, "the offer has an invalid entry");
    return TRUE;
}

static gboolean
take_entries(DrvTree *tree, GVariant *list, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    gsize n = g_variant_n_children(list);

    if (n == 0 || n > DRV_TREE_MAX_ENTRIES)
        return drv_throw(error, DRV_ERROR_REFUSED, "the offer has %zu entries", n);
    for (gsize i = 0; i < n; i++) {
        DrvEntry *entry = g_new0(DrvEntry, 1);
        const char *path, *link;
        guchar type;

        g_ptr_array_add(tree->entries, entry);
        g_variant_get_child(list,
                            i,
                            "(y&s&sutx@a(say))",
                            &type,
                            &path,
                            &link,
                            &entry->mode,
                            &entry->size,
                            &entry->mtime_ns,
                            &entry->xattrs);
        entry->type = (DrvEntryType)type;
        entry->path = g_uri_unescape_string(path, NULL);
        entry->link = g_uri_unescape_string(link, NULL);
        if (!check_entry(entry, type, seen, error))
            return FALSE;
    }
    return TRUE;
}

DrvTree *
drv_tree_unpack(GBytes *bytes, GError **error)
{
    g_autoptr(DrvTree) tree = tree_new();
    g_autoptr(GVariant) wire =
        g_variant_ref_sink(g_variant_new_from_bytes(WIRE_TYPE, bytes, FALSE));
    g_autoptr(GVariant) list = NULL;

    if (!g_variant_is_normal_form(wire)) {
        (void)drv_throw(error, DRV_ERROR_REMOTE, "the offer is malformed");
        return NULL;
    }
    if (G_BYTE_ORDER != G_LITTLE_ENDIAN) {
        g_autoptr(GVariant) foreign = g_steal_pointer(&wire);

        wire = g_variant_byteswap(foreign);
    }
    g_variant_get(wire,
                  "(sst@a(yssutxa(say)))",
                  &tree->nonce,
                  &tree->source_dir,
                  &tree->allocated,
                  &list);
    return take_entries(tree, list, error) ? g_steal_pointer(&tree) : NULL;
}

/* --- dressing --------------------------------------------------------------------------
 */

static gboolean
set_xattrs(int fd, const DrvEntry *entry, GError **error)
{
    gsize n = g_variant_n_children(entry->xattrs);

    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) value = NULL;
        const char *name;
        gsize size;
        gconstpointer data;

        g_variant_get_child(entry->xattrs, i, "(&s@ay)", &name, &value);
        data = g_variant_get_fixed_array(value, &size, 1);
        if (!g_str_has_prefix(name, "user.") || size > XATTR_MAX)
            return drv_throw(error,
                             DRV_ERROR_REFUSED,
                             "'%s' has an attribute that is not a user's",
                             entry->path);
        if (fsetxattr(fd, name, data, size, 0) < 0 && errno != EOPNOTSUPP)
            return drv_throw_errno(error, "cannot set '%s' of '%s'", name, entry->path);
    }
    return TRUE;
}

gboolean
drv_tree_dress(
    int dir_fd, const char *where, const DrvEntry *entry, mode_t mask, GError **error)
{
    mode_t mode = entry->mode & 0777 & ~mask;
    struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
                                 { .tv_sec = entry->mtime_ns / NS_PER_S,
                                   .tv_nsec = entry->mtime_ns % NS_PER_S } };
    g_auto(DrvFd) fd = drv_path_open_beneath(
        dir_fd, where, entry->path, O_RDONLY | O_NONBLOCK, 0, error);

    if (fd < 0)
        return FALSE;
    if (times[1].tv_nsec < 0)
        times[1].tv_nsec = 0;
    /* A directory that cannot be written cannot be renamed to its place, either. */
    if (fchmod(fd, mode | (entry->type == DRV_ENTRY_DIR ? 0700 : 0)) < 0 ||
        futimens(fd, times) < 0)
        return drv_throw_errno(error, "cannot set the mode of '%s'", entry->path);
    return set_xattrs(fd, entry, error);
}
