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

/* Where images are made the datastore is asked for their data pool; where the front-end
 * would work, for its bridges; for folders and volatile disks, for all.
 */
static gboolean
prepare(TmHead *head, CephDisk *disk, gboolean makes, GError **error)
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
        return prepare(data, &request->disk, makes, error);                              \
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
static gboolean
is_image_itself(gconstpointer data)
{
    const CephDelete *request = data;

    return request->delete.disk_id >= 0 && *request->disk.source && !request->disk.clone;
}

/* Of a running VM the hypervisor does it: RBD tells its users of a new size. */
static gboolean
is_running(gconstpointer data)
{
    return ((const CephResize *)data)->disk.lcm_state == TM_LCM_DISK_RESIZE;
}

static gboolean
always(gconstpointer data)
{
    (void)data;
    return TRUE;
}

static gboolean
is_saved_live(gconstpointer data)
{
    const CephStore *request = data;

    return request->disk.lcm_state == TM_LCM_HOTPLUG_SAVEAS &&
           request->store.snapshot_id < 0;
}

/* The disk is the image. */
const DrvOp ceph_disk_mvds = {
    .name = "ceph.tm.mvds",
    .request = &ceph_tm_mvds,
    .is_noop = always,
};

OP(ceph_disk_clone, "ceph.tm.clone", ceph_tm_clone, CephClone, );
OP(ceph_disk_ln, "ceph.tm.ln", ceph_tm_clone, CephClone, );
OP(ceph_disk_cpds,
   "ceph.tm.cpds",
   ceph_tm_cpds,
   CephStore,
   .is_live = is_saved_live,
   .live = "ceph.tm.cpds_live");
OP(ceph_disk_delete,
   "ceph.tm.delete",
   ceph_tm_delete,
   CephDelete,
   .is_noop = is_image_itself);
OP(ceph_disk_mkimage, "ceph.tm.mkimage", ceph_tm_mkimage, CephMake, );
OP(ceph_disk_mkswap, "ceph.tm.mkswap", ceph_tm_mkswap, CephMake, );
OP(ceph_disk_resize, "ceph.tm.resize", ceph_tm_resize, CephResize, .is_noop = is_running);
OP(ceph_disk_snap_create, "ceph.tm.snap_create", ceph_tm_snapshot, CephSnapshot, );
OP(ceph_disk_snap_create_live,
   "ceph.tm.snap_create",
   ceph_tm_snapshot,
   CephSnapshot,
   .is_live = always,
   .live = "ceph.tm.snap_create_live");
OP(ceph_disk_snap_delete, "ceph.tm.snap_delete", ceph_tm_snapshot, CephSnapshot, );
OP(ceph_disk_snap_revert, "ceph.tm.snap_revert", ceph_tm_snapshot, CephSnapshot, );

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
