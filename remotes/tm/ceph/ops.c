/* SPDX-License-Identifier: Apache-2.0 */
/* The front-end's half of ceph: what it asks the core, and which of worker-rbd's ops does
 * the work.
 */
#include "base/error.h"
#include "request/core.h"
#include "tm/ceph/ceph.h"
#include "transport/bridge.h"
#include "transport/dispatch.h"

#define AT "TEMPLATE/"

/* What a disk has not inherited from its datastore. */
static gboolean
fill_text(DrvDump *ds, const char *path, char **text, GError **error)
{
    g_autofree char *value = NULL;

    if (**text)
        return TRUE;
    if (!drv_dump_value(ds, path, &value, error))
        return FALSE;
    if (value) {
        g_free(*text);
        *text = g_steal_pointer(&value);
    }
    return TRUE;
}

static gboolean
ask_datastore(CephDisk *disk, GError **error)
{
    g_autoptr(DrvDump) ds = drv_core_info(DRV_CORE_DATASTORE, disk->ds_id, error);
    g_autofree char *bridges = NULL;
    DrvRbdSite *site = &disk->site;

    if (ds == NULL || !fill_text(ds, AT "CEPH_USER", &site->user, error) ||
        !fill_text(ds, AT "CEPH_KEY", &site->key, error) ||
        !fill_text(ds, AT "CEPH_CONF", &site->conf, error) ||
        !fill_text(ds, AT "POOL_NAME", &site->pool, error) ||
        !fill_text(ds, AT "EC_POOL_NAME", &site->data_pool, error) ||
        !drv_dump_value(ds, AT "BRIDGE_LIST", &bridges, error))
        return FALSE;
    g_strfreev(disk->bridges);
    disk->bridges = g_strsplit_set(bridges ? bridges : "", " \t\n", -1);
    return TRUE;
}

gboolean
ceph_disk_prepare(TmHead *head, CephDisk *disk, gboolean makes, GError **error)
{
    gboolean ask = makes || drv_dispatch_is_here(head->host) || *disk->source == '\0';

    if (ask && disk->ds_id >= 0 && !ask_datastore(disk, error))
        return FALSE;
    return drv_rbd_site_complete(&disk->site, error);
}

static char **
stand_ins(const CephDisk *disk, guint64 vm_id, GError **error)
{
    g_autoptr(GPtrArray) bridges = g_ptr_array_new();

    for (guint i = 0; disk->bridges && disk->bridges[i]; i++) {
        if (*disk->bridges[i])
            g_ptr_array_add(bridges, disk->bridges[i]);
    }
    g_ptr_array_add(bridges, NULL);
    return drv_bridge_hosts((const char *const *)bridges->pdata, vm_id, error);
}

#define FRONT(type, makes)                                                               \
    static gboolean prepare_##type(gpointer data, GError **error)                        \
    {                                                                                    \
        type *request = data;                                                            \
        return ceph_disk_prepare(data, &request->disk, makes, error);                    \
    }                                                                                    \
    static char **stand_ins_##type(gconstpointer data, GError **error)                   \
    {                                                                                    \
        return stand_ins(                                                                \
            &((const type *)data)->disk, ((const TmHead *)data)->vm_id, error);          \
    }
FRONT(CephClone, TRUE)
FRONT(CephStore, TRUE)
FRONT(CephMake, TRUE)
FRONT(CephSnapshot, TRUE)
FRONT(CephDelete, FALSE)
FRONT(CephResize, FALSE)

#define OP(symbol, op_name, fields, type, ...)                                           \
    const DrvOp symbol = { .name = op_name,                                              \
                           .request = &fields,                                           \
                           .worker = DRV_WORKER_RBD,                                     \
                           .prepare = prepare_##type,                                    \
                           .stand_ins = stand_ins_##type,                                \
                           __VA_ARGS__ }

/* The persistent disk is the image, and mine to delete is nothing. */
static DrvWhere
where_to_delete(gconstpointer data)
{
    const CephDelete *request = data;
    gboolean is_image =
        request->delete.disk_id >= 0 && *request->disk.source && !request->disk.clone;

    return is_image ? DRV_NOWHERE : DRV_AT_DATA;
}

/* Of a running VM the hypervisor does it: RBD tells its users of a new size. */
static DrvWhere
where_to_resize(gconstpointer data)
{
    const CephResize *request = data;

    return request->disk.lcm_state == TM_LCM_DISK_RESIZE ? DRV_NOWHERE : DRV_AT_DATA;
}

static DrvWhere
where_to_save(gconstpointer data)
{
    const CephStore *request = data;
    gboolean is_live = request->disk.lcm_state == TM_LCM_HOTPLUG_SAVEAS &&
                       request->store.snapshot_id < 0;

    return is_live ? DRV_LIVE : DRV_AT_DATA;
}

static const DrvOp cpds_live = {
    .name = "ceph.tm.cpds_live",
    .request = &ceph_tm_cpds,
    .worker = DRV_WORKER_VIRT,
};

/* The disk is the image. */
const DrvOp ceph_disk_mvds = {
    .name = "ceph.tm.mvds",
    .request = &ceph_tm_mvds,
    .where = drv_op_nowhere,
};

OP(ceph_disk_clone, "ceph.tm.clone", ceph_tm_clone, CephClone, );
OP(ceph_disk_ln, "ceph.tm.ln", ceph_tm_clone, CephClone, );
OP(ceph_disk_cpds,
   "ceph.tm.cpds",
   ceph_tm_cpds,
   CephStore,
   .where = where_to_save,
   .live = &cpds_live);
OP(ceph_disk_delete,
   "ceph.tm.delete",
   ceph_tm_delete,
   CephDelete,
   .where = where_to_delete);
OP(ceph_disk_mkimage, "ceph.tm.mkimage", ceph_tm_mkimage, CephMake, );
OP(ceph_disk_mkswap, "ceph.tm.mkswap", ceph_tm_mkswap, CephMake, );
OP(ceph_disk_resize,
   "ceph.tm.resize",
   ceph_tm_resize,
   CephResize,
   .where = where_to_resize);
OP(ceph_disk_snap_create, "ceph.tm.snap_create", ceph_tm_snapshot, CephSnapshot, );
OP(ceph_disk_snap_delete, "ceph.tm.snap_delete", ceph_tm_snapshot, CephSnapshot, );
OP(ceph_disk_snap_revert, "ceph.tm.snap_revert", ceph_tm_snapshot, CephSnapshot, );

const DrvOp ceph_disk_snap_create_live = {
    .name = "ceph.tm.snap_create_live",
    .request = &ceph_tm_snapshot,
    .worker = DRV_WORKER_VIRT,
    .prepare = prepare_CephSnapshot,
    .stand_ins = stand_ins_CephSnapshot,
};

static gboolean
prepare_monitor(gpointer data, GError **error)
{
    return drv_rbd_site_complete(&((CephTmMonitor *)data)->site, error);
}

const DrvOp ceph_disk_monitor = {
    .name = "ceph.tm.monitor",
    .request = &ceph_tm_monitor,
    .worker = DRV_WORKER_RBD,
    .prepare = prepare_monitor,
};
