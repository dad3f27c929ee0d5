/* SPDX-License-Identifier: Apache-2.0 */
/* test-chain.c - datastores with disks and images as drivers lay them out, in all eras,
 * and with what does not belong there.
 */
#include "image/chain.h"

#include <errno.h>
#include <string.h>

#include "base/path.h"
#include "scratch.h"

/* --- a world ------------------------------------------------------------------------ */

typedef struct {
    char *dir;  /* of it all */
    char *root; /* the datastores' */
    char *vm;   /* "<root>/0/25" */
    char *ds;   /* "<root>/1" */
} World;

static char *
at(const char *directory, const char *name)
{
    return g_build_filename(directory, name, NULL);
}

static void
make_dir(const char *directory, const char *name)
{
    g_autofree char *path = at(directory, name);

    g_assert_cmpint(g_mkdir_with_parents(path, 0700), ==, 0);
}

static void
put_link(const char *directory, const char *name, const char *text)
{
    g_autofree char *path = at(directory, name);

    g_assert_true(unlink(path) == 0 || errno == ENOENT);
    g_assert_cmpint(symlink(text, path), ==, 0);
}

static void
put_file(const char *directory, const char *name)
{
    g_autofree char *path = at(directory, name);

    g_assert_true(unlink(path) == 0 || errno == ENOENT);
    g_assert_true(g_file_set_contents(path, name, -1, NULL));
}

/* A qcow2 file that is backed by @backing (NULL: on nothing), of @format (NULL: unsaid).
 */
static void
put_qcow2(const char *directory,
          const char *name,
          const char *backing,
          const char *format)
{
    g_autofree char *path = at(directory, name);
    g_autoptr(DrvCmd) cmd = drv_cmd_new("qemu-img", "create", "-q", "-f", "qcow2", NULL);
    g_autoptr(GError) error = NULL;
    g_auto(DrvFd) fd = -1;
    guint8 end[8] = { 0 };

    g_assert_true(unlink(path) == 0 || errno == ENOENT);
    if (backing) {
        drv_cmd_arg(cmd, "-u");
        drv_cmd_option(cmd, "-b", backing);
        drv_cmd_option(cmd, "-F", format ? format : "raw");
    }
    drv_cmd_arg(cmd, path);
    drv_cmd_arg(cmd, "1M");
    must(drv_cmd_run(cmd, &error));
    if (backing && format == NULL) { /* no such header extension: the end comes first */
        fd = g_open(path, O_WRONLY | O_CLOEXEC, 0);
        put_at(fd, end, sizeof end, 112);
    }
}

static World
world_new(void)
{
    World world = { .dir = scratch_new() };
    g_autofree char *disk_snap = NULL;
    g_autofree char *image_snap = NULL;
    g_autofree char *image = NULL;
    g_autofree char *kept = NULL;
    g_autofree char *last = NULL;

    world.root = at(world.dir, "datastores");
    world.vm = at(world.root, "0/25");
    world.ds = at(world.root, "1");
    make_dir(world.vm, "disk.0.snap");
    make_dir(world.ds, "kept.snap");
    make_dir(world.dir, "outside");
    image = at(world.ds, "image");
    put_qcow2(world.ds, "image", NULL, NULL);
    put_file(world.ds, "raw");
    /* not persistent */
    disk_snap = at(world.vm, "disk.0.snap");
    put_qcow2(disk_snap, "0", image, "qcow2");
    put_qcow2(disk_snap, "1", "disk.0.snap/0", "qcow2");
    put_qcow2(disk_snap, "2", "disk.0.snap/disk.0.snap/1", "qcow2");
    put_link(disk_snap, "disk.0.snap", ".");
    put_link(world.vm, "disk.0", "disk.0.snap/2");
    /* persistent */
    image_snap = at(world.ds, "kept.snap");
    put_qcow2(world.ds, "kept", NULL, NULL);
    kept = at(world.ds, "kept");
    put_link(image_snap, "0", kept);
    last = at(image_snap, "0");
    put_qcow2(image_snap, "1", last, "qcow2");
    put_link(image_snap, "kept.snap", ".");
    return world;
}

static void
world_clear(World *world)
{
    scratch_remove(world->dir);
    g_free(world->root);
    g_free(world->vm);
    g_free(world->ds);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(World, world_clear)

static void
fits(const World *world, const char *directory, const char *name)
{
    g_autofree char *path = at(directory, name);
    g_autoptr(GError) error = NULL;

    must(drv_chain_check(world->root, path, "qcow2", &error));
}

static void
refused(const World *world, const char *directory, const char *name, const char *why)
{
    g_autofree char *path = at(directory, name);
    g_autoptr(GError) error = NULL;

    g_assert_false(drv_chain_check(world->root, path, "qcow2", &error));
    assert_error_text(error, DRV_ERROR_REFUSED, why);
}

/* --- what drivers make -------------------------------------------------------------- */

static void
test_layouts(void)
{
    g_auto(World) world = world_new();
    g_autofree char *snap = at(world.vm, "disk.0.snap");
    g_autofree char *raw = at(world.ds, "raw");
    g_autofree char *none = at(world.ds, "image");

    fits(&world, world.vm, "disk.0.snap/2");
    fits(&world, world.vm, "disk.0.snap/disk.0.snap/disk.0.snap/1");
    fits(&world, world.vm, "disk.0");
    fits(&world, world.ds, "kept.snap/1");
    fits(&world, world.ds, "kept.snap/0");
    fits(&world, world.ds, "//image");
    put_qcow2(snap, "0", raw, "raw");
    fits(&world, world.vm, "disk.0");
    put_qcow2(snap, "0", none, NULL);
    fits(&world, world.vm, "disk.0");
    put_qcow2(snap, "1", "0", "qcow2"); /* as "local" writes it */
    fits(&world, world.vm, "disk.0");
}

/* Before 6.0.3 links were absolute, and before 5.4 no format was written. */
static void
test_old_layouts(void)
{
    g_auto(World) world = world_new();
    g_autofree char *snap = at(world.vm, "disk.0.snap");
    g_autofree char *first = at(snap, "0");
    g_autofree char *kept = at(world.ds, "kept.snap");

    put_link(snap, "disk.0.snap", snap);
    fits(&world, world.vm, "disk.0");
    put_qcow2(snap, "1", first, NULL);
    fits(&world, world.vm, "disk.0");
    put_link(kept, "kept.snap", kept);
    fits(&world, world.ds, "kept.snap/kept.snap/1");
    /* an image that came back from a host with its snapshots */
    put_qcow2(kept, "2", "kept.snap/1", "qcow2");
    put_qcow2(world.ds, "kept.snap/1", NULL, NULL);
    put_link(world.ds, "kept", "kept.snap/2");
    fits(&world, world.ds, "kept");
}

/* A root and datastores that are links, and names by another way to the same root. */
static void
test_mounts(void)
{
    g_auto(World) world = world_new();
    g_autofree char *other = at(world.dir, "other");
    g_autofree char *image = at(other, "1/image");
    g_autofree char *storage = at(world.dir, "storage");
    g_autofree char *snap = at(world.vm, "disk.0.snap");

    g_assert_cmpint(rename(world.ds, storage), ==, 0);
    put_link(world.root, "1", storage);
    fits(&world, world.vm, "disk.0");
    put_link(world.dir, "other", "datastores");
    put_qcow2(snap, "0", image, "qcow2");
    fits(&world, world.vm, "disk.0");
    g_free(world.root);
    world.root = g_steal_pointer(&other);
    fits(&world, world.vm, "disk.0");
}

static void
test_open(void)
{
    g_auto(World) world = world_new();
    g_autofree char *disk = at(world.vm, "disk.0");
    g_autofree char *image = at(world.ds, "kept");
    g_autoptr(GError) error = NULL;
    g_auto(DrvFd) fd = drv_chain_open(world.root, disk, O_RDONLY, &error);
    g_auto(DrvFd) image_fd = drv_chain_open_image(image, &error);
    g_auto(DrvFd) dir_fd = drv_chain_open_dir(world.root, world.vm, &error);
    g_auto(DrvFd) path_fd = drv_chain_open(world.root, disk, O_PATH, &error);
    g_autofree char *path = NULL;

    g_assert_no_error(error);
    g_assert_cmpint(dir_fd, >=, 0);
    g_assert_cmpint(path_fd, >=, 0);
    g_assert_cmpint(image_fd, >=, 0);
    path = drv_path_of_fd(fd, &error);
    g_assert_true(g_str_has_suffix(path, "/0/25/disk.0.snap/2"));
    g_assert_cmpint(drv_chain_open(world.root, world.root, O_RDONLY, &error), ==, -1);
    assert_error_text(error, DRV_ERROR_REFUSED, "is in no datastore below");
    g_clear_error(&error);
    g_assert_cmpint(drv_chain_open(world.root, "/etc/passwd", O_RDONLY, &error), ==, -1);
    assert_error_text(error, DRV_ERROR_REFUSED, "'/etc/passwd' is in no datastore below");
    g_clear_error(&error);
    g_free(image);
    image = at(world.ds, "none");
    g_assert_cmpint(drv_chain_open_image(image, &error), ==, -1);
    g_assert_error(error, DRV_ERROR, DRV_ERROR_NOT_FOUND);
}

/* --- what does not belong there ----------------------------------------------------- */

#define NOT_FOLLOWED "which is not followed"

static void
test_links(void)
{
    g_auto(World) world = world_new();
    g_autofree char *snap = at(world.vm, "disk.0.snap");
    g_autofree char *outside = at(world.dir, "outside");
    g_autofree char *secret = at(outside, "0");
    g_autofree char *up = at(outside, "disk.0.snap");
    static const char *const texts[] = { "disk.0.snap/../../../..",
                                         "2",
                                         "disk.0.snap/x",
                                         "disk.0.snap/",
                                         "disk.0.snap",
                                         "." };

    put_qcow2(outside, "0", NULL, NULL);
    make_dir(outside, "disk.0.snap");
    put_link(snap, "0", secret);
    refused(&world, world.vm, "disk.0", NOT_FOLLOWED);
    put_link(snap, "disk.0.snap", outside);
    refused(&world, world.vm, "disk.0", NOT_FOLLOWED);
    put_link(snap, "disk.0.snap", up); /* the right name */
    refused(&world, world.vm, "disk.0", NOT_FOLLOWED);
    put_link(snap, "disk.0.snap", "..");
    refused(&world, world.vm, "disk.0", NOT_FOLLOWED);
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        put_link(world.vm, "disk.0", texts[i]);
        refused(&world, world.vm, "disk.0", NOT_FOLLOWED);
    }
    put_link(world.vm, "disk.0", "disk.0.snap/2");
    put_link(snap, "2", "disk.0.snap/2");
    refused(&world, world.vm, "disk.0", NOT_FOLLOWED);
    run_ok("rm", "-rf", snap, NULL);
    put_link(world.vm, "disk.0.snap", outside);
    refused(&world, world.vm, "disk.0.snap/0", NOT_FOLLOWED);
    put_link(world.root, "0/26", world.vm);
    refused(&world, world.root, "0/26/disk.1", NOT_FOLLOWED);
}

/* The first of a persistent disk is a link: to that image and no other. */
static void
test_link_to_image(void)
{
    g_auto(World) world = world_new();
    g_autofree char *snap = at(world.ds, "kept.snap");
    g_autofree char *image = at(world.ds, "image");
    g_autofree char *other = at(world.root, "2/kept");

    put_link(snap, "0", image);
    refused(&world, world.ds, "kept.snap/1", NOT_FOLLOWED);
    make_dir(world.root, "2");
    put_qcow2(world.root, "2/kept", NULL, NULL);
    put_link(snap, "0", other);
    refused(&world, world.ds, "kept.snap/1", NOT_FOLLOWED);
    put_link(snap, "0", "../kept");
    refused(&world, world.ds, "kept.snap/1", NOT_FOLLOWED);
    put_link(snap, "0", "kept");
    refused(&world, world.ds, "kept.snap/1", NOT_FOLLOWED);
}

static void
test_round(void)
{
    g_auto(World) world = world_new();
    g_autofree char *snap = at(world.vm, "disk.0.snap");
    g_autofree char *kept = at(world.ds, "kept.snap");
    g_autofree char *image = at(world.ds, "kept");

    put_qcow2(snap, "0", "disk.0.snap/2", "qcow2");
    refused(&world, world.vm, "disk.0", "has more than");
    put_link(world.ds, "kept", "kept.snap/0");
    put_link(kept, "0", image);
    refused(&world, world.ds, "kept.snap/1", NOT_FOLLOWED);
}

static const struct {
    const char *backing; /* %s: the world's directory */
    const char *format;
    const char *why;
} bad[] = {
    { "%s/outside/0", "raw", "is in no datastore below" },
    { "%s/datastores/0", "raw", "is in no datastore below" },
    { "%s/datastores/0/26/disk.0", "qcow2", "neither an image nor a file of this VM" },
    { "%s/datastores/0/26/disk.0.snap/0",
      "qcow2",
      "neither an image nor a file of this" },
    { "%s/datastores/1/.hidden", "raw", "neither an image nor a file of this VM" },
    { "%s/datastores/1/../../outside/0", "raw", "'..' is not allowed" },
    { "../../../../outside/0", "raw", "'..' is not allowed" },
    { "%s/datastores/1/raw", "qcow2", "is raw, not qcow2 as declared" },
    { "%s/datastores/1/raw", "vmdk", "is raw, not vmdk as declared" },
    { "%s/datastores/1/raw", "host_device", "is raw, not host_device as declared" },
    { "%s/datastores/1/image", "raw", NULL },
    { "%s/datastores/1/kept.snap", "raw", "is not a file" },
    { "%s/datastores/1/fifo", "raw", "is not a file" },
    { "%s/datastores/1/written", NULL, "has a backing file, but is not declared qcow2" },
    { "%s/datastores/1/written", "qcow2", NULL },
    { "file:%s/outside/0", "raw", "which is not a plain path" },
    { "nbd:unix:/x", "raw", "which is not a plain path" },
    { "json:{\"driver\":\"file\",\"filename\":\"/x\"}", "raw", "not a plain path" },
};

static void
test_backing(void)
{
    g_auto(World) world = world_new();
    g_autofree char *snap = at(world.vm, "disk.0.snap");
    g_autofree char *fifo = at(world.ds, "fifo");
    g_autofree char *image = at(world.ds, "image");

    put_file(world.dir, "outside/0");
    make_dir(world.root, "0/26/disk.0.snap");
    put_qcow2(world.root, "0/26/disk.0.snap/0", NULL, NULL);
    put_qcow2(world.root, "0/26/disk.0", NULL, NULL);
    put_file(world.ds, ".hidden");
    put_qcow2(world.ds, "written", image, "qcow2");
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_auto(GStrv) parts = g_strsplit(bad[i].backing, "%s", 2);
        g_autofree char *backing = g_strjoinv(world.dir, parts);

        put_qcow2(snap, "0", backing, bad[i].format);
        if (bad[i].why)
            refused(&world, world.vm, "disk.0", bad[i].why);
        else
            fits(&world, world.vm, "disk.0");
    }
}

/* A pipe is not waited for, whatever it is called. */
static void
test_pipes(void)
{
    g_auto(World) world = world_new();
    g_autofree char *path = at(world.vm, "disk.0.snap/0");
    g_autofree char *self = at(world.vm, "disk.0.snap/disk.0.snap");
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(unlink(path), ==, 0);
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    refused(&world, world.vm, "disk.0", "is not a file");
    g_assert_cmpint(unlink(self), ==, 0);
    g_assert_cmpint(mkfifo(self, 0600), ==, 0);
    g_assert_false(drv_chain_check(world.root, self, "qcow2", &error));
    assert_error_text(error, DRV_ERROR_NOT_FOUND, "has no link to itself");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/chain/layouts", test_layouts);
    g_test_add_func("/chain/old-layouts", test_old_layouts);
    g_test_add_func("/chain/mounts", test_mounts);
    g_test_add_func("/chain/open", test_open);
    g_test_add_func("/chain/links", test_links);
    g_test_add_func("/chain/link-to-image", test_link_to_image);
    g_test_add_func("/chain/round", test_round);
    g_test_add_func("/chain/backing", test_backing);
    g_test_add_func("/chain/pipes", test_pipes);
    return g_test_run();
}
