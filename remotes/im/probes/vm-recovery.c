/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery snapshots: disks with RECOVERY_SNAPSHOT_FREQ are copied, now and then, to the
 * replica of their datastore.  The transfer manager's program does it and prints when the
 * last one was made.
 */
#include <string.h>

#include "base/action.h"
#include "base/error.h"
#include "cmd/cmd.h"
#include "im/base/im.h"

#define PROGRAM "recovery_snap_create_live"
#define OUTPUT_MAX 4096

typedef struct {
    char *vm, *directory, *replica, *tm_mad;
} Home;

static void
home_clear(Home *home)
{
    g_free(home->vm);
    g_free(home->directory);
    g_free(home->replica);
    g_free(home->tm_mad);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Home, home_clear)

static DrvXml *
read_xml(const char *directory, const char *name)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) ignored = NULL;
    DrvXml *xml;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    xml = drv_xml_parse(path, text, -1, &ignored);
    if (xml == NULL)
        drv_ignore(&ignored, "a VM without it has no such snapshots");
    return xml;
}

static gboolean
is_plain(const char *name)
{
    return *name && *name != '.' && strchr(name, '/') == NULL;
}

static gboolean
run(const Home *home,
    const char *disk,
    const char *frequency,
    GString *said,
    GError **error)
{
    g_autofree char *path =
        g_build_filename(drv_action_remotes_dir(), "tm", home->tm_mad, PROGRAM, NULL);
    g_autofree char *file = g_strconcat(home->directory, "/disk.", disk, NULL);
    g_autoptr(DrvCmd) cmd =
        drv_cmd_new(path, home->vm, file, frequency, home->replica, NULL);

    if (!g_file_test(path, G_FILE_TEST_IS_EXECUTABLE))
        return drv_throw(error, DRV_ERROR_UNSUPPORTED, "there is no %s", PROGRAM);
    drv_cmd_keep_env(cmd, "SSH_AUTH_SOCK");
    return drv_cmd_capture(cmd, said, OUTPUT_MAX, error);
}

static void
snapshot(const Home *home, DrvXml *vm, DrvNode *node, GString *text)
{
    g_autofree char *disk = drv_xml_text(vm, node, "DISK_ID");
    g_autofree char *frequency = drv_xml_text(vm, node, "RECOVERY_SNAPSHOT_FREQ");
    g_autoptr(GString) said = g_string_new(NULL);
    g_autoptr(GError) why = NULL;
    guint64 number;

    if (!g_ascii_string_to_unsigned(disk, 10, 0, G_MAXINT32, &number, NULL) ||
        !g_ascii_string_to_unsigned(frequency, 10, 1, G_MAXINT32, &number, NULL))
        return;
    g_string_append_printf(text, "DISK_RECOVERY_SNAPSHOT = [ ID = \"%s\", ", disk);
    if (run(home, disk, frequency, said, &why)) {
        g_string_append(text, "TIMESTAMP = ");
        im_quote(text, g_strstrip(said->str));
    } else {
        g_string_append(text, "MSG = ");
        im_quote(text, why->message);
    }
    g_string_append(text, " ]\n");
}

/* Where the domain's disks are, and their replica; FALSE when it has none. */
static gboolean
find_home(ImContext *im, DrvDomain *domain, Home *home)
{
    g_autofree char *metadata = NULL;
    g_autoptr(GError) ignored = NULL;
    g_autoptr(DrvXml) xml = NULL;
    g_autoptr(DrvXml) ds = NULL;

    (void)im;
    if (!drv_domain_metadata(
            domain, "http://opennebula.org/xmlns/libvirt/1.0", &metadata, &ignored)) {
        drv_ignore(&ignored, "it may be gone");
        return FALSE;
    }
    xml = metadata ? drv_xml_parse("the domain's metadata", metadata, -1, NULL) : NULL;
    home->directory =
        xml ? drv_xml_get(xml, NULL, "/*/*[local-name()='system_datastore']") : NULL;
    ds = home->directory ? read_xml(home->directory, "ds.xml") : NULL;
    if (ds == NULL)
        return FALSE;
    home->replica = drv_xml_get(ds, NULL, "TEMPLATE/REPLICA_HOST");
    home->tm_mad = drv_xml_get(ds, NULL, "TM_MAD");
    return home->replica && home->tm_mad && is_plain(home->tm_mad);
}

static void
look_at(ImContext *im, DrvVirt *virt, const DrvStats *usage, GString *out)
{
    g_auto(Home) home = { 0 };
    g_autoptr(GError) ignored = NULL;
    g_autoptr(DrvDomain) domain = drv_virt_find(virt, usage->uuid, &ignored);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GPtrArray) disks = NULL;
    g_autoptr(DrvXml) vm = NULL;
    gint64 id = im_vm_id(usage->name);

    drv_ignore(&ignored, "it may be gone");
    if (domain == NULL || !find_home(im, domain, &home))
        return;
    vm = read_xml(home.directory, "vm.xml");
    if (vm == NULL)
        return;
    home.vm = g_strdup_printf("%" G_GINT64_FORMAT, id);
    disks = drv_xml_all(vm, NULL, "TEMPLATE/DISK[RECOVERY_SNAPSHOT_FREQ]");
    for (guint i = 0; i < disks->len; i++)
        snapshot(&home, vm, g_ptr_array_index(disks, i), text);
    if (text->len > 0)
        im_add_vm(out, id, NULL, text->str);
}

static gboolean
report_vm_recovery(ImContext *im, GString *out, GError **error)
{
    DrvVirt *virt = im_virt(im, error);
    g_autoptr(GPtrArray) all = virt ? drv_stats_all(virt, FALSE, error) : NULL;

    if (all == NULL) {
        im_virt_drop(im);
        return FALSE;
    }
    for (guint i = 0; i < all->len; i++) {
        const DrvStats *usage = g_ptr_array_index(all, i);

        if (im_vm_id(usage->name) >= 0)
            look_at(im, virt, usage, out);
    }
    return TRUE;
}

IM_PROBE_REGISTER(im_vm_recovery, report_vm_recovery);
