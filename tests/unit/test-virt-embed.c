/* SPDX-License-Identifier: Apache-2.0 */
/* Disks of a real QEMU without an operating system, run by a libvirt inside this process:
 * snapshot, copy, commit, pull, resize.
 */
#define DRV_ALLOW_VIRT
#include <glib/gstdio.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/path.h"
#include "cmd/cmd.h"
#include "virt/block.h"
#include "virt/disk.h"
#include "virt/virt-private.h"
#include "virt/virt.h"

typedef struct {
    char *dir;
    DrvDomain *domain;
} Fixture;

/* A process has one embedded libvirt, which takes its time to look at QEMU. */
static char *root;
static DrvVirt *virt;

static char *
in_dir(const Fixture *fixture, const char *name)
{
    return g_build_filename(fixture->dir, name, NULL);
}

static void
make_image(const Fixture *fixture, const char *name, const char *backing)
{
    g_autofree char *file = in_dir(fixture, name);
    g_autoptr(DrvCmd) cmd = drv_cmd_new("qemu-img", "create", "-f", "qcow2", NULL);
    g_autoptr(GError) error = NULL;
    gboolean ok;

    if (backing) {
        drv_cmd_arg(cmd, "-F");
        drv_cmd_arg(cmd, "qcow2");
        drv_cmd_arg(cmd, "-b");
        drv_cmd_arg(cmd, backing);
    }
    drv_cmd_arg(cmd, file);
    if (backing == NULL)
        drv_cmd_arg(cmd, "16M");
    ok = drv_cmd_run(cmd, &error);
    g_assert_no_error(error);
    g_assert_true(ok);
}

static char *
domain_xml(const Fixture *fixture)
{
    return g_strdup_printf(
        "<domain type='qemu'><name>one-1</name><memory unit='MiB'>32</memory>"
        "<vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os><devices>"
        "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
        "<source file='%s/disk.0'/><target dev='vda' bus='virtio'/></disk>"
        "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
        "<source file='%s/disk.1'/><target dev='vdb' bus='virtio'/></disk>"
        "<memballoon model='none'/></devices></domain>",
        fixture->dir,
        fixture->dir);
}

/* No other daemons, and nothing that a container may forbid. */
static void
write_config(void)
{
    g_autofree char *etc = g_build_filename(root, "etc", NULL);
    g_autofree char *file = g_build_filename(etc, "qemu.conf", NULL);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(g_mkdir_with_parents(etc, 0755), ==, 0);
    g_file_set_contents(file,
                        "stdio_handler = \"file\"\n"
                        "user = \"root\"\ngroup = \"root\"\n"
                        "security_driver = \"none\"\nnamespaces = []\n"
                        "cgroup_controllers = []\nremember_owner = 0\n",
                        -1,
                        &error);
    g_assert_no_error(error);
}

static void
open_libvirt(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *uri = NULL;

    root = g_dir_make_tmp("test-virt-root-XXXXXX", &error);
    g_assert_no_error(error);
    write_config();
    uri = g_strdup_printf("qemu:///embed?root=%s", root);
    virt = drv_virt_open(uri, &error);
    g_assert_no_error(error);
}

static void
remove_dir(const char *path)
{
    g_autofree char *parent = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    g_autoptr(GError) error = NULL;
    int fd = drv_path_open_dir(parent, &error);
    gboolean ok = drv_path_remove_tree(fd, parent, name, &error);

    g_assert_no_error(error);
    g_assert_true(ok);
    close(fd);
}

static void
set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *xml = NULL;

    (void)data;
    fixture->dir = g_dir_make_tmp("test-virt-XXXXXX", &error);
    g_assert_no_error(error);
    g_chmod(fixture->dir, 0755);
    make_image(fixture, "disk.0", NULL);
    make_image(fixture, "disk.1", NULL);
    xml = domain_xml(fixture);
    fixture->domain = drv_virt_create(virt, xml, 0, &error);
    g_assert_no_error(error);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = drv_domain_destroy(fixture->domain, &error);

    (void)data;
    g_assert_no_error(error);
    g_assert_true(ok);
    drv_domain_free(fixture->domain);
    remove_dir(fixture->dir);
    g_free(fixture->dir);
}

static void
assert_source(const Fixture *fixture, const char *target, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *want = in_dir(fixture, name);
    g_autoptr(DrvDisk) disk = drv_disk_find(fixture->domain, target, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(disk->source, ==, want);
}

/* As libvirt says it; at rest, so from this thread. */
static gboolean
has_job(const Fixture *fixture, const char *target)
{
    virDomainBlockJobInfo info = { 0 };
    int found = virDomainGetBlockJobInfo(fixture->domain->domain, target, &info, 0);

    g_assert_cmpint(found, >=, 0);
    return found > 0;
}

static void
assert_no_job(const Fixture *fixture, const char *target)
{
    g_assert_false(has_job(fixture, target));
}

static void
snapshot(const Fixture *fixture, const char *from, const char *to)
{
    g_autofree char *below = in_dir(fixture, from);
    g_autofree char *file = in_dir(fixture, to);
    g_autoptr(GError) error = NULL;
    gboolean ok;

    make_image(fixture, to, below);
    ok = drv_block_snapshot(fixture->domain, "vda", file, "snap", &error);
    g_assert_no_error(error);
    g_assert_true(ok);
    assert_source(fixture, "vda", to);
    assert_source(fixture, "vdb", "disk.1");
}

static void
test_snapshot_commit(Fixture *fixture, gconstpointer data)
{
    g_autofree char *bottom = in_dir(fixture, "disk.0");
    g_autofree char *middle = in_dir(fixture, "one");
    g_autoptr(GError) error = NULL;
    gboolean ok;

    (void)data;
    snapshot(fixture, "disk.0", "one");
    snapshot(fixture, "one", "two");
    ok = drv_block_commit(fixture->domain, "vda", middle, bottom, FALSE, &error);
    g_assert_no_error(error);
    g_assert_true(ok);
    assert_source(fixture, "vda", "two");
    ok = drv_block_commit(fixture->domain, "vda", NULL, bottom, FALSE, &error);
    g_assert_no_error(error);
    g_assert_true(ok);
    assert_source(fixture, "vda", "disk.0");
    assert_no_job(fixture, "vda");
}

static void
test_pull(Fixture *fixture, gconstpointer data)
{
    g_autofree char *bottom = in_dir(fixture, "disk.0");
    g_autoptr(GError) error = NULL;
    gboolean ok;

    (void)data;
    snapshot(fixture, "disk.0", "one");
    snapshot(fixture, "one", "two");
    ok = drv_block_pull(fixture->domain, "vda", bottom, FALSE, &error);
    g_assert_no_error(error);
    g_assert_true(ok);
    ok = drv_block_pull(fixture->domain, "vda", NULL, FALSE, &error);
    g_assert_no_error(error);
    g_assert_true(ok);
    assert_source(fixture, "vda", "two");
}

static void
test_snapshot_fails(Fixture *fixture, gconstpointer data)
{
    g_autofree char *file = in_dir(fixture, "absent");
    g_autoptr(GError) error = NULL;

    (void)data;
    g_assert_false(drv_block_snapshot(fixture->domain, "vda", file, "snap", &error));
    g_assert_nonnull(strstr(error->message, "'vda'"));
    assert_source(fixture, "vda", "disk.0");
}

static void
count(guint64 done, guint64 all, gpointer data)
{
    g_assert_cmpuint(done, <=, all);
    ++*(guint *)data;
}

static void
test_copy(Fixture *fixture, gconstpointer data)
{
    g_autofree char *file = in_dir(fixture, "copy");
    guint calls = 0;
    DrvBlockCopy copy = {
        .target = "vda", .file = file, .format = "qcow2", .quiet_s = 5
    };
    g_autoptr(GError) error = NULL;
    DrvDomainState state;
    gboolean ok;

    (void)data;
    copy.progress = count;
    copy.data = &calls;
    ok = drv_block_copy(fixture->domain, &copy, &error);
    g_assert_no_error(error);
    g_assert_true(ok);
    assert_source(fixture, "vda", "disk.0");
    assert_no_job(fixture, "vda");
    g_assert_true(g_file_test(file, G_FILE_TEST_IS_REGULAR));
    g_assert_true(drv_domain_state(fixture->domain, &state, NULL, &error));
    g_assert_cmpint(state, ==, DRV_STATE_RUNNING);
}

static void
test_copy_pivot(Fixture *fixture, gconstpointer data)
{
    g_autofree char *file = in_dir(fixture, "moved");
    DrvBlockCopy copy = { .target = "vdb", .file = file, .format = "qcow2" };
    g_autoptr(GError) error = NULL;

    (void)data;
    make_image(fixture, "moved", NULL);
    copy.reuse = copy.pivot = TRUE;
    g_assert_true(drv_block_copy_begin(fixture->domain, &copy, &error));
    assert_source(fixture, "vdb", "disk.1");
    drv_block_copy_abort(fixture->domain, &copy);
    assert_source(fixture, "vdb", "disk.1");
    g_assert_true(drv_block_copy(fixture->domain, &copy, &error));
    assert_source(fixture, "vdb", "moved");
    assert_source(fixture, "vda", "disk.0");
}

static gpointer
abort_soon(gpointer data)
{
    const Fixture *fixture = data;
    DrvBlockCopy copy = { .target = "vda" };

    g_usleep(G_USEC_PER_SEC / 2);
    drv_block_copy_abort(fixture->domain, &copy);
    return NULL;
}

/* A job in the way is waited for. */
static void
test_busy(Fixture *fixture, gconstpointer data)
{
    g_autofree char *file = in_dir(fixture, "copy");
    DrvBlockCopy copy = { .target = "vda", .file = file, .format = "qcow2" };
    g_autoptr(GError) error = NULL;
    gint64 start = g_get_monotonic_time();
    GThread *thread;

    (void)data;
    snapshot(fixture, "disk.0", "one");
    g_assert_true(drv_block_copy_begin(fixture->domain, &copy, &error));
    g_assert_true(has_job(fixture, "vda"));
    thread = g_thread_new("abort", abort_soon, fixture);
    g_assert_true(drv_block_pull(fixture->domain, "vda", NULL, FALSE, &error));
    g_assert_cmpint(g_get_monotonic_time() - start, >, G_USEC_PER_SEC / 2);
    g_thread_join(thread);
    assert_no_job(fixture, "vda");
}

static void
test_resize(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = drv_block_resize(fixture->domain, "vda", 32 << 20, &error);

    (void)data;
    g_assert_no_error(error);
    g_assert_true(ok);
    g_assert_false(drv_block_resize(fixture->domain, "vdz", 32 << 20, &error));
}

static void
add(const char *path, void (*test)(Fixture *, gconstpointer))
{
    g_test_add(path, Fixture, NULL, set_up, test, tear_down);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    int status;

    g_setenv("LIBVIRT_LOG_OUTPUTS", "4:file:/dev/null", TRUE);
    g_test_init(&argc, &argv, NULL);
    if (!drv_cancel_init(&error))
        g_error("%s", error->message);
    open_libvirt();
    add("/virt/block/snapshot-commit", test_snapshot_commit);
    add("/virt/block/snapshot-fails", test_snapshot_fails);
    add("/virt/block/pull", test_pull);
    add("/virt/block/copy", test_copy);
    add("/virt/block/copy-pivot", test_copy_pivot);
    add("/virt/block/busy", test_busy);
    add("/virt/block/resize", test_resize);
    status = g_test_run();
    drv_virt_close(virt);
    remove_dir(root);
    g_free(root);
    return status;
}
