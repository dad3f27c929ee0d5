/* SPDX-License-Identifier: Apache-2.0 */
/* prereconfigure and reconfigure: another context CD in the drive. */
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/log.h"
#include "vmm/ops/session.h"
#include "vmm/vmm.h"

static gboolean
is_block_device(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISBLK(st.st_mode);
}

/* The live drive with another medium (@path NULL: none), as XML for an update. */
static char *
with_medium(DrvXml *live, DrvNode *drive, const char *path)
{
    static const char changed[] = "source | backingStore | mirror | alias";
    g_autoptr(GPtrArray) old = drv_xml_all(live, drive, changed);

    for (guint i = 0; i < old->len; i++)
        drv_xml_node_remove(g_ptr_array_index(old, i));
    if (path) {
        gboolean block = is_block_device(path);

        drv_xml_node_set(drive, "type", block ? "block" : "file");
        drv_xml_node_set(
            drv_xml_node_add(drive, "source", NULL), block ? "dev" : "file", path);
    }
    return drv_xml_node_to_text(drive);
}

static gboolean
change_medium(const VmmContext *request, const char *path, GError **error)
{
    g_auto(VmmSession) session = { 0 };
    g_autoptr(DrvXml) live = NULL;
    g_autofree char *xml = NULL;
    DrvNode *drive;

    if (vmm_session_open(&session, request, error))
        live = vmm_domain_xml(session.domain, error);
    if (live == NULL)
        return FALSE;
    drv_xml_variable(live, "target", request->target);
    drive = drv_xml_first(
        live, NULL, "/domain/devices/disk[@device='cdrom' and target/@dev=$target]");
    if (drive == NULL)
        return drv_throw(
            error, DRV_ERROR_FAILED, "there is no CD drive '%s'", request->target);
    if (path == NULL && !drv_xml_has(live, drive, "source")) {
        drv_debug("'%s' is empty already", request->target);
        return TRUE;
    }
    xml = with_medium(live, drive, path);
    return drv_domain_update(session.domain, xml, TRUE, error);
}

static gboolean
eject(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const VmmContext *request = data;

    (void)in;
    (void)result;
    return *request->target == '\0' || change_medium(request, NULL, error);
}

static gboolean
insert(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const VmmContext *request = data;

    (void)in;
    (void)result;
    return *request->target == '\0' || *request->path == '\0' ||
           change_medium(request, request->path, error);
}

const DrvOp kvm_prereconfigure = { .name = "kvm.prereconfigure",
                                   .request = &vmm_prereconfigure,
                                   .run = eject };
const DrvOp kvm_reconfigure = { .name = "kvm.reconfigure",
                                .request = &vmm_reconfigure,
                                .run = insert };
