/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/kvm/domain/checkpoint.h"

#include "vmm/kvm/domain/deploy-xml.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "stage/stage.h"

static char *
marker_of(const char *file)
{
    return g_strconcat(file, ".saving", NULL);
}

static gboolean
touch(const char *file, mode_t mode, GError **error)
{
    g_auto(DrvFd) fd =
        open(file, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, mode & 0666);

    if (fd < 0 || fchmod(fd, mode) < 0)
        return drv_throw_errno(error, "cannot make '%s'", file);
    return TRUE;
}

gboolean
kvm_checkpoint_begin(const char *file, char **aside, GError **error)
{
    g_autofree char *marker = marker_of(file);

    return kvm_checkpoint_put_aside(file, aside, error) && touch(marker, 0600, error) &&
           touch(file, 0622, error);
}

/* TRUE when @file was written after each start of the VM from its XML. */
static gboolean
is_newest(const char *file)
{
    g_autofree char *directory = g_path_get_dirname(file);
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    gboolean any = FALSE;
    const char *name;
    struct stat own;

    if (dir == NULL || stat(file, &own) < 0)
        return FALSE;
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(directory, name, NULL);
        struct stat other;

        if (!g_str_has_prefix(name, "deployment.") || stat(path, &other) < 0)
            continue;
        if (other.st_mtime > own.st_mtime)
            return FALSE;
        any = TRUE;
    }
    return any;
}

gboolean
kvm_checkpoint_is_ours(const char *file)
{
    g_autofree char *marker = marker_of(file);

    return g_file_test(file, G_FILE_TEST_EXISTS) &&
           (g_file_test(marker, G_FILE_TEST_EXISTS) || is_newest(file));
}

/* Remove names beside @file in one step. */
static gboolean
take(const char *file, const char *const *suffixes, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(file);
    g_autofree char *base = g_path_get_basename(file);
    g_auto(DrvFd) fd = drv_path_open_dir(directory, error);
    g_autoptr(DrvStage) stage =
        fd < 0 ? NULL : drv_stage_open(fd, directory, "checkpoint", error);

    if (stage == NULL)
        return FALSE;
    for (guint i = 0; suffixes[i]; i++) {
        g_autofree char *name = g_strconcat(base, suffixes[i], NULL);

        drv_stage_remove(stage, name);
    }
    return drv_stage_commit(stage, error);
}

gboolean
kvm_checkpoint_commit(const char *file, GError **error)
{
    static const char *const marker[] = { ".saving", NULL };
    g_auto(DrvFd) fd = open(file, O_RDONLY | O_CLOEXEC);

    if (fd >= 0 && fchmod(fd, 0600) < 0)
        drv_debug("'%s' belongs to the daemon: %s", file, g_strerror(errno));
    /* A file of the daemon's that we may not even read is synced by its file system. */
    if (fd >= 0 && fdatasync(fd) < 0)
        return drv_throw_errno(error, "cannot sync '%s'", file);
    return take(file, marker, error);
}

void
kvm_checkpoint_remove(const char *file)
{
    static const char *const all[] = { "", ".xml", ".saving", NULL };

    kvm_checkpoint_drop_aside(file);
    if (take(file, all, NULL))
        return;
    /* A full disk has no room for the plan either.  The marker goes last. */
    for (guint i = 0; all[i]; i++) {
        g_autofree char *name = g_strconcat(file, all[i], NULL);
        g_autoptr(GError) why = NULL;

        if (!drv_path_unlink(AT_FDCWD, "", name, &why))
            drv_warn("checkpoint '%s' remains: %s", name, why->message);
    }
}

/* The rest of @path behind "<root>/<digits>/<vm>", or NULL; both are collapsed. */
static const char *
behind_dir(const char *path, const char *root, const char *vm)
{
    const char *at = path;
    gsize digits;

    if (!g_str_has_prefix(at, root) || at[strlen(root)] != '/')
        return NULL;
    at += strlen(root) + 1;
    digits = strspn(at, "0123456789");
    if (digits == 0 || at[digits] != '/')
        return NULL;
    at += digits + 1;
    if (!g_str_has_prefix(at, vm))
        return NULL;
    at += strlen(vm);
    return *at == '/' || *at == '\0' ? at : NULL;
}

void
kvm_checkpoint_move_paths(DrvXml *xml, const char *file)
{
    g_autofree char *directory = g_path_get_dirname(file);
    g_autofree char *collapsed = drv_path_collapse(directory);
    g_autofree char *vm = g_path_get_basename(collapsed);
    g_autofree char *datastore = g_path_get_dirname(collapsed);
    g_autofree char *root = g_path_get_dirname(datastore);
    g_autoptr(GPtrArray) nodes = drv_xml_all(xml, NULL, "//@* | //text()");

    for (guint i = 0; i < nodes->len; i++) {
        DrvNode *node = g_ptr_array_index(nodes, i);
        g_autofree char *text = drv_xml_get(xml, node, ".");
        g_autofree char *path = text && *text == '/' ? drv_path_collapse(text) : NULL;
        const char *rest = path ? behind_dir(path, root, vm) : NULL;
        g_autofree char *moved = rest ? g_strconcat(directory, rest, NULL) : NULL;

        if (moved && strcmp(path, collapsed) != 0)
            drv_xml_node_set_text(node, moved);
    }
}

void
kvm_checkpoint_forget_chains(DrvXml *xml)
{
    g_autoptr(GPtrArray) chains =
        drv_xml_all(xml, NULL, "/domain/devices/disk/backingStore");

    for (guint i = 0; i < chains->len; i++)
        drv_xml_node_remove(g_ptr_array_index(chains, i));
    kvm_resolve_links(xml);
}
