/* SPDX-License-Identifier: Apache-2.0 */
/* stage.h - what the tests of stages share: a directory to change, and looks at it. */
#pragma once

#include <string.h>

#include "base/action.h"
#include "base/log.h"
#include "scratch.h"
#include "stage/stage.h"

#define BEFORE "a=old b=old link->old"
#define AFTER_SEVERAL "a=new directory/ directory/x=new link->new new=new"

typedef struct {
    char *dir;
    int fd;
} Place;

static inline void
put_file(const Place *place, const char *name, const char *text)
{
    g_auto(DrvFd) fd =
        openat(place->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    put_at(fd, text, strlen(text), 0);
}

static inline void
place_make(Place *place)
{
    place->dir = scratch_new();
    place->fd = open(place->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    put_file(place, "a", "old");
    put_file(place, "b", "old");
    g_assert_cmpint(symlinkat("old", place->fd, "link"), ==, 0);
}

static inline void
place_clear(Place *place)
{
    close(place->fd);
    scratch_remove(place->dir);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

#define PLACE()                                                                          \
    g_auto(Place) place = { NULL, -1 };                                                  \
    place_make(&place)

static inline DrvStage *
open_stage(const Place *place, const char *key)
{
    g_autoptr(GError) error = NULL;
    DrvStage *stage = drv_stage_open(place->fd, place->dir, key, &error);

    g_assert_no_error(error);
    g_assert_nonnull(stage);
    return stage;
}

static inline DrvStage *
open_fresh(const Place *place, const char *key)
{
    g_autoptr(GError) error = NULL;
    DrvStage *stage = drv_stage_open_unpublished(place->fd, place->dir, key, &error);

    g_assert_no_error(error);
    return stage;
}

static inline void
make_file(DrvStage *stage, const char *name, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_auto(DrvFd) fd = drv_stage_create(stage, name, &error);

    g_assert_no_error(error);
    must(drv_fd_write_all(fd, text, strlen(text), name, &error));
}

/* From BEFORE to AFTER_SEVERAL: replace a, take b, put a directory, a link and a file. */
static inline void
plan_several(DrvStage *stage)
{
    g_autoptr(GError) error = NULL;

    make_file(stage, "n1", "new");
    make_file(stage, "n2", "new");
    g_assert_cmpint(mkdirat(drv_stage_fd(stage), "f", 0755), ==, 0);
    make_file(stage, "f/x", "new");
    must(drv_stage_link(stage, "l", "new", &error));
    drv_stage_remove(stage, "b");
    drv_stage_publish(stage, "f", "directory");
    drv_stage_publish(stage, "l", "link");
    drv_stage_publish(stage, "n1", "a");
    drv_stage_publish(stage, "n2", "new");
}

static inline void
assert_file(const char *dir, const char *name, const char *wanted)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, wanted);
}

static inline void
list_entry(const char *root, const char *name, GPtrArray *to)
{
    g_autofree char *path = g_build_filename(root, name, NULL);
    g_autofree char *link = g_file_read_link(path, NULL);
    g_autoptr(GDir) dir = link ? NULL : g_dir_open(path, 0, NULL);
    g_autofree char *text = NULL;
    const char *child;

    if (link)
        g_ptr_array_add(to, g_strdup_printf("%s->%s", name, link));
    else if (dir && *name)
        g_ptr_array_add(to, g_strdup_printf("%s/", name));
    else if (!dir && g_file_get_contents(path, &text, NULL, NULL))
        g_ptr_array_add(to, g_strdup_printf("%s=%s", name, text));
    while (dir && (child = g_dir_read_name(dir))) {
        g_autofree char *child_name = g_build_filename(name, child, NULL);

        if (*child != '.')
            list_entry(root, child_name, to);
    }
}

static inline int
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "a=content dir/ dir/x=content link->target", sorted, without hidden names. */
static inline char *
tree_of(const Place *place)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    list_entry(place->dir, "", names);
    g_ptr_array_sort(names, by_name);
    g_ptr_array_add(names, NULL);
    return g_strjoinv(" ", (char **)names->pdata);
}

static inline void
assert_tree(const Place *place, const char *wanted)
{
    g_autofree char *tree = tree_of(place);

    g_assert_cmpstr(tree, ==, wanted);
}

/* No stage and no note is left. */
static inline void
assert_clean(const Place *place)
{
    g_autoptr(GDir) dir = g_dir_open(place->dir, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir))) {
        if (*name == '.')
            g_error("'%s' is left", name);
    }
}

/* --- where the settings are ------------------------------------------------------------
 */

static char *stage_remotes;

static inline void
say_nothing(DrvLogLevel level, const char *text, gpointer data)
{
    (void)level, (void)text, (void)data;
}

static inline void
stage_tests_conf(const char *conf)
{
    g_autofree char *file =
        g_build_filename(stage_remotes, "etc", "one-native.conf", NULL);

    g_assert_true(g_file_set_contents(file, conf, -1, NULL));
}

static inline void
stage_tests_begin(const char *conf)
{
    g_autofree char *self = NULL;
    g_autofree char *etc = NULL;

    stage_remotes = scratch_new();
    self = g_build_filename(stage_remotes, "tm", "qcow2", "clone", NULL);
    etc = g_build_filename(stage_remotes, "etc", NULL);
    g_assert_cmpint(g_mkdir(etc, 0755), ==, 0);
    stage_tests_conf(conf);
    drv_action_init(1, &self);
    drv_log_set_sink(say_nothing, NULL);
}

static inline void
stage_tests_end(void)
{
    scratch_remove(stage_remotes);
}
