/* SPDX-License-Identifier: Apache-2.0 */
/* rbd-floor - librbd's part of an action, and nothing else: what no driver can do
 * without.
 *
 *   rbd-floor CONF USER KEYFILE POOL clone IMAGE DISK
 *   rbd-floor CONF USER KEYFILE POOL ln IMAGE
 *   rbd-floor CONF USER KEYFILE POOL snap_create DISK SNAPSHOT
 *   rbd-floor CONF USER KEYFILE POOL delete IMAGE DISK
 */
#include <errno.h>
#include <rados/librados.h>
#include <rbd/librbd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
must(int rc, const char *what)
{
    if (rc >= 0)
        return;
    (void)fprintf(stderr, "rbd-floor: %s: %s\n", what, strerror(-rc));
    exit(1);
}

static void
clone_image(rados_ioctx_t io, const char *image, const char *disk)
{
    rbd_image_options_t options;
    rbd_image_t open;
    int is_protected = 0;

    must(rbd_open_read_only(io, image, &open, NULL), "open");
    must(rbd_snap_is_protected(open, "snap", &is_protected), "look");
    must(rbd_close(open), "close");
    rbd_image_options_create(&options);
    must(rbd_clone3(io, image, "snap", io, disk, options), "clone");
    rbd_image_options_destroy(options);
}

static size_t
count_clones(rados_ioctx_t io, const char *image)
{
    rbd_linked_image_spec_t found[64];
    size_t n = 64;
    rbd_image_t open;

    must(rbd_open_read_only(io, image, &open, NULL), "open");
    must(rbd_snap_set(open, "snap"), "look");
    must(rbd_list_children3(open, found, &n), "list");
    rbd_linked_image_spec_list_cleanup(found, n);
    must(rbd_close(open), "close");
    return n;
}

static void
drop_base(rados_ioctx_t io, const char *image)
{
    rbd_image_t open;

    if (count_clones(io, image) > 0)
        return;
    must(rbd_open(io, image, &open, NULL), "open");
    must(rbd_snap_unprotect(open, "snap"), "unprotect");
    must(rbd_snap_remove(open, "snap"), "remove");
    must(rbd_close(open), "close");
}

static void
create_snapshot(rados_ioctx_t io, const char *disk, const char *name)
{
    rbd_image_t open;

    must(rbd_open(io, disk, &open, NULL), "open");
    must(rbd_snap_create(open, name), "create");
    must(rbd_snap_protect(open, name), "protect");
    must(rbd_close(open), "close");
}

int
main(int argc, char **argv)
{
    rados_t cluster;
    rados_ioctx_t io;

    if (argc < 7)
        return 2;
    must(rados_create(&cluster, argv[2]), "begin");
    must(rados_conf_read_file(cluster, argv[1]), "read the settings");
    must(rados_conf_set(cluster, "keyfile", argv[3]), "set the key");
    must(rados_connect(cluster), "connect");
    must(rados_ioctx_create(cluster, argv[4], &io), "use the pool");
    if (strcmp(argv[5], "clone") == 0)
        clone_image(io, argv[6], argv[7]);
    else if (strcmp(argv[5], "ln") == 0)
        drop_base(io, argv[6]);
    else if (strcmp(argv[5], "snap_create") == 0)
        create_snapshot(io, argv[6], argv[7]);
    else {
        must(rbd_remove(io, argv[7]), "remove");
        drop_base(io, argv[6]);
    }
    rados_ioctx_destroy(io);
    rados_shutdown(cluster);
    return 0;
}
