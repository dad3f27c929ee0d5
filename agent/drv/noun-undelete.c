/* SPDX-License-Identifier: Apache-2.0 */
/* drv undelete: what was deleted on this machine, and back with it. */
#include <string.h>

#include "agent/drv/drv.h"
#include "agent/drv/print.h"
#include "base/action.h"
#include "base/fd.h"
#include "base/path.h"
#include "stage/deleted.h"

static char *directory;

static const GOptionEntry options[] = {
    { "directory",
      'd',
      0,
      G_OPTION_ARG_FILENAME,
      &directory,
      "Where the datastores are; /var/lib/one/datastores",
      "DIR" },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
};

static void
add_datastore(GPtrArray *all, const char *path, gboolean sizes)
{
    g_auto(DrvFd) fd = drv_path_open_dir(path, NULL);
    g_autoptr(GPtrArray) found = fd < 0 ? NULL : drv_deleted_list(fd, path, sizes, NULL);

    while (found && found->len > 0)
        g_ptr_array_add(all, g_ptr_array_steal_index(found, 0));
}

/* Of all datastores, each by its own directory; @sizes cost a walk through the trees. */
static GPtrArray *
find_all(gboolean sizes, GError **error)
{
    g_autofree char *usual = g_build_filename(drv_action_var_dir(), "datastores", NULL);
    const char *root = directory ? directory : usual;
    g_auto(DrvFd) fd = drv_path_open_dir(root, error);
    g_auto(GStrv) names = fd < 0 ? NULL : drv_path_list(fd, root, error);
    GPtrArray *all;

    if (names == NULL)
        return NULL;
    all = g_ptr_array_new_with_free_func(drv_deleted_free);
    for (guint i = 0; names[i]; i++) {
        g_autofree char *path = g_build_filename(root, names[i], NULL);

        add_datastore(all, path, sizes);
    }
    return all;
}

static char *
names_text(const DrvDeleted *deleted)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < deleted->names->len; i++)
        g_string_append_printf(
            text, "%s%s", i ? " " : "", (const char *)deleted->names->pdata[i]);
    return g_string_free(text, FALSE);
}

static void
print_deletion(const DrvDeleted *deleted)
{
    g_autoptr(json_object) line =
        json_with_text(json_object_new_object(), "id", deleted->id);
    json_object *names = json_object_new_array();

    for (guint i = 0; i < deleted->names->len; i++)
        json_object_array_add(names, json_object_new_string(deleted->names->pdata[i]));
    json_with_text(line, "directory", deleted->where);
    json_with(line, "names", names);
    json_with(line, "deleted", json_object_new_int64(deleted->when));
    json_with(line, "bytes", json_object_new_int64((gint64)deleted->bytes));
    print_json(line, FALSE);
}

static void
print_all(const Drv *drv, GPtrArray *all)
{
    g_auto(Table) table = TABLE_INIT;

    table_row(&table, "ID", "MIB", "DATASTORE", "NAMES", NULL);
    for (guint i = 0; i < all->len; i++) {
        const DrvDeleted *deleted = all->pdata[i];
        g_autofree char *size =
            g_strdup_printf("%.1f", (double)deleted->bytes / (1024.0 * 1024.0));
        g_autofree char *names = names_text(deleted);

        if (drv->json)
            print_deletion(deleted);
        else
            table_row(&table, deleted->id, size, deleted->where, names, NULL);
    }
    if (!drv->json)
        table_print(&table);
}

static gboolean
bring_back(const Drv *drv, GPtrArray *all, const char *id, GError **error)
{
    for (guint i = 0; i < all->len; i++) {
        const DrvDeleted *deleted = all->pdata[i];
        g_autofree char *names = names_text(deleted);

        if (strcmp(deleted->id, id) != 0)
            continue;
        if (!drv_deleted_restore(deleted, error))
            return drv_prefix(error, "cannot undelete %s", id);
        if (drv->json)
            print_deletion(deleted);
        else if (!drv->quiet)
            print_line("undeleted: %s in %s", names, deleted->where);
        return TRUE;
    }
    return drv_throw(error,
                     DRV_ERROR_NOT_FOUND,
                     "no deletion has the id %s; drv undelete lists them",
                     id);
}

static gboolean
undelete(Drv *drv, char **words, GError **error)
{
    g_autoptr(GPtrArray) all = find_all(words[0] == NULL || drv->json, error);

    if (all == NULL)
        return FALSE;
    if (words[0])
        return bring_back(drv, all, words[0], error);
    print_all(drv, all);
    return TRUE;
}

static const Verb verbs[] = {
    { NULL, "[ID]", "list deletions, or undo one", 0, 1, WORD_HERE, options, undelete },
    { NULL, NULL, NULL, 0, 0, WORD_ANY, NULL, NULL },
};

const Noun noun_undelete = { "undelete", "a deletion", verbs };
