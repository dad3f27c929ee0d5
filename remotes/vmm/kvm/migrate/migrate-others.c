/* SPDX-License-Identifier: Apache-2.0 */
/* What a running domain has in its directory and keeps there: variables of its firmware,
 * a kernel, files of its serial ports, sockets, whatever RAW names.  QEMU can exchange
 * disks and nothing else.
 */
#include <string.h>

#include "base/error.h"
#include "base/path.h"
#include "vmm/kvm/domain/checkpoint.h"
#include "vmm/kvm/migrate/migrate.h"
#include "vmm/ops/directory.h"
#include "vmm/ops/session.h"

/* Everything but disks and our metadata, which move, and what people read. */
#define OTHERS                                                                           \
    "//*[not(ancestor-or-self::disk or ancestor-or-self::metadata or "                   \
    "self::title or self::description)]"

/* TRUE also where the directory is a part of the value, as in arguments for QEMU. */
static gboolean
names_dir(const char *value, const char *directory)
{
    g_autofree char *clean = NULL;
    const char *at;

    if (*value == '/') {
        clean = drv_path_collapse(value);
        return drv_path_is_below(clean, directory);
    }
    at = strstr(value, directory);
    return at && (at[strlen(directory)] == '/' || at[strlen(directory)] == '\0');
}

gboolean
kvm_only_disks_there(const KvmMigration *migration, GError **error)
{
    g_autoptr(DrvXml) live = vmm_domain_xml(migration->domain, error);
    g_autofree char *directory =
        migration->directory ? drv_path_collapse(migration->directory) : NULL;
    g_autoptr(GPtrArray) nodes =
        live ? drv_xml_all(live, NULL, OTHERS "/@* | " OTHERS "/text()") : NULL;

    for (guint i = 0; directory && nodes && i < nodes->len; i++) {
        DrvNode *node = g_ptr_array_index(nodes, i);
        g_autofree char *value = drv_xml_text(live, node, ".");
        DrvNode *owner;

        if (!names_dir(value, directory) && !names_dir(value, migration->directory))
            continue;
        owner = drv_xml_first(live, node, "ancestor::*[1]");
        return drv_throw(error,
                         DRV_ERROR_UNSUPPORTED,
                         "its <%s> cannot move while it runs, power it off first ('%s')",
                         drv_xml_node_name(owner),
                         value);
    }
    return nodes != NULL;
}

gboolean
kvm_move_metadata(KvmMigration *migration, GError **error)
{
    const DrvConfig *config = migration->config;
    const char *uri = drv_config_get(config, "LIBVIRT_MD_URI", VMM_METADATA_URI);
    g_autofree char *file =
        g_build_filename(migration->request->directory, "checkpoint", NULL);
    g_autofree char *text = NULL;
    g_autofree char *edited = NULL;
    g_autoptr(DrvXml) xml = NULL;

    if (!drv_domain_metadata(migration->domain, uri, &text, error) || text == NULL)
        return FALSE;
    xml = drv_xml_parse("the domain's metadata", text, -1, error);
    if (xml == NULL)
        return FALSE;
    kvm_checkpoint_move_paths(xml, file);
    edited = drv_xml_to_text(xml);
    return drv_domain_set_metadata(migration->domain,
                                   drv_config_get(config, "LIBVIRT_MD_KEY", "one"),
                                   uri,
                                   edited,
                                   error);
}
