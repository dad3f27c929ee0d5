/* SPDX-License-Identifier: Apache-2.0 */
/* The VM's directory in its system datastore, and the snapshots kept there. */
#include "vmm/ops/directory.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/path.h"
#include "request/request.h"
#include "request/xml.h"
#include "stage/stage.h"
#include "virt/domain-snapshot.h"

gboolean
vmm_dir(DrvDomain *domain, const DrvConfig *config, char **directory, GError **error)
{
    const char *uri = drv_config_get(config, "LIBVIRT_MD_URI", VMM_METADATA_URI);
    g_autofree char *text = NULL;
    g_autoptr(DrvXml) xml = NULL;
    g_autofree char *path = NULL;

    *directory = NULL;
    if (!drv_domain_metadata(domain, uri, &text, error))
        return FALSE;
    if (text == NULL)
        return TRUE;
    xml = drv_xml_parse("the domain's metadata", text, -1, error);
    if (xml == NULL)
        return FALSE;
    path = drv_xml_get(xml, NULL, "/*/*[local-name()='system_datastore']");
    if (path == NULL)
        return TRUE;
    if (!drv_request_check_path("system_datastore", path, error))
        return FALSE;
    *directory = g_steal_pointer(&path);
    return TRUE;
}

/* --- snapshots kept as files
 * -------------------------------------------------------------
 */

/* The N of "snap-N.xml", or -1. */
static gint64
snapshot_number(const char *name)
{
    g_autofree char *number = NULL;
    gint64 n;

    if (!g_str_has_prefix(name, "snap-") || !g_str_has_suffix(name, ".xml"))
        return -1;
    number = g_strndup(name + 5, strlen(name) - 9);
    return g_ascii_string_to_signed(number, 10, 0, G_MAXINT64, &n, NULL) ? n : -1;
}

static int
by_number(gconstpointer a, gconstpointer b)
{
    gint64 left = snapshot_number(*(const char *const *)a);
    gint64 right = snapshot_number(*(const char *const *)b);

    return left < right ? -1 : left > right;
}

/* Files of snapshots in the order they were made: parents come first. */
static GPtrArray *
snapshot_files(const char *directory)
{
    GPtrArray *files = g_ptr_array_new_with_free_func(g_free);
    GDir *dir = g_dir_open(directory, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        if (snapshot_number(name) >= 0)
            g_ptr_array_add(files, g_strdup(name));
    }
    if (dir)
        g_dir_close(dir);
    g_ptr_array_sort(files, by_number);
    return files;
}

static gboolean
redefine(DrvDomain *domain, const char *path, GError **error)
{
    g_autofree char *text = NULL;
    g_autofree char *edited = NULL;
    g_autoptr(DrvXml) xml = NULL;
    g_autoptr(GPtrArray) ids = NULL;
    g_autoptr(GError) why = NULL;

    if (!g_file_get_contents(path, &text, NULL, &why))
        return drv_throw(error, DRV_ERROR_FAILED, "%s", why->message);
    xml = drv_xml_parse(path, text, -1, error);
    if (xml == NULL)
        return FALSE;
    /* Front-ends before 6.0 give a VM another UUID at each deployment. */
    ids = drv_xml_all(
        xml, NULL, "/domainsnapshot/domain/uuid | /domainsnapshot/inactiveDomain/uuid");
    for (guint i = 0; i < ids->len; i++)
        drv_xml_node_set_text(g_ptr_array_index(ids, i), drv_domain_uuid(domain));
    edited = drv_xml_to_text(xml);
    return drv_domain_snapshot_redefine(domain, edited, FALSE, error);
}

void
vmm_snapshots_redefine(DrvDomain *domain, const char *directory)
{
    g_autoptr(GPtrArray) files = snapshot_files(directory);

    for (guint i = 0; i < files->len; i++) {
        g_autofree char *path =
            g_build_filename(directory, g_ptr_array_index(files, i), NULL);
        g_autoptr(GError) error = NULL;

        if (!redefine(domain, path, &error))
            drv_warn("snapshot '%s' is no longer known: %s", path, error->message);
    }
}

static gboolean
store_one(DrvDomain *domain, const char *name, DrvStage *stage, GError **error)
{
    g_autofree char *file = g_strdup_printf("%s.xml", name);
    g_autofree char *xml = NULL;
    g_autofree char *path = NULL;
    g_autoptr(GError) why = NULL;

    if (!drv_domain_snapshot_xml(domain, name, &xml, error))
        return FALSE;
    if (xml == NULL || snapshot_number(file) < 0)
        return TRUE;
    path = g_build_filename(drv_stage_path(stage), file, NULL);
    if (!g_file_set_contents_full(path, xml, -1, G_FILE_SET_CONTENTS_NONE, 0600, &why))
        return drv_throw(error, DRV_ERROR_FAILED, "%s", why->message);
    drv_stage_publish(stage, file, file);
    return TRUE;
}

/* All snapshots libvirt knows become files, since one's end changes others' parents. */
static gboolean
store_all(DrvDomain *domain, const char *directory, const char *gone, GError **error)
{
    int fd = drv_path_open_dir(directory, error);
    g_autoptr(DrvStage) stage =
        fd < 0 ? NULL : drv_stage_open(fd, directory, "snapshots", error);
    g_auto(GStrv) names = NULL;

    if (fd >= 0)
        close(fd);
    if (stage == NULL || !drv_domain_snapshot_list(domain, &names, NULL, error))
        return FALSE;
    if (gone) {
        g_autofree char *file = g_strdup_printf("%s.xml", gone);

        if (snapshot_number(file) >= 0)
            drv_stage_remove(stage, file);
    }
    for (guint i = 0; names[i]; i++) {
        if (!store_one(domain, names[i], stage, error))
            return FALSE;
    }
    return drv_stage_commit(stage, error);
}

void
vmm_snapshots_store(DrvDomain *domain, const char *directory, const char *gone)
{
    g_autoptr(GError) error = NULL;

    if (!store_all(domain, directory, gone, &error))
        drv_warn("the snapshots' metadata is not kept: %s", error->message);
}
