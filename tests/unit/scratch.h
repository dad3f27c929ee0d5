/* SPDX-License-Identifier: Apache-2.0 */
/* scratch.h - what the tests of the data path share: a directory of their own, random
 * bytes, and programs that make images.
 */
#pragma once

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "cmd/cmd.h"

/* It succeeds; says why if not.  Wants a variable error in scope. */
#define must(call)                                                                       \
    do {                                                                                 \
        gboolean must_have = (call);                                                     \
        g_assert_no_error(error);                                                        \
        g_assert_true(must_have);                                                        \
    } while (0)

/* A new empty directory; caller frees the name and gives it to scratch_remove(). */
static inline char *
scratch_new(void)
{
    g_autoptr(GError) error = NULL;
    char *dir = g_dir_make_tmp("drv-test-XXXXXX", &error);

    g_assert_no_error(error);
    return dir;
}

static inline void
scratch_remove(char *dir)
{
    g_autoptr(DrvCmd) cmd = drv_cmd_new("rm", "-rf", "--", dir, NULL);
    g_autoptr(GError) error = NULL;

    must(drv_cmd_run(cmd, &error));
    g_free(dir);
}

typedef char Scratch;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scratch, scratch_remove)

/* Write a file below @dir, with its directories. */
static inline void
scratch_put(const char *dir, const char *path, const char *text)
{
    g_autofree char *file = g_build_filename(dir, path, NULL);
    g_autofree char *directory = g_path_get_dirname(file);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(g_mkdir_with_parents(directory, 0755), ==, 0);
    must(g_file_set_contents(file, text, -1, &error));
}

/* Run a program that must succeed. */
static inline void G_GNUC_NULL_TERMINATED
run_ok(const char *program, ...)
{
    g_autoptr(DrvCmd) cmd = drv_cmd_new(program, NULL);
    g_autoptr(GError) error = NULL;
    const char *arg;
    va_list args;

    va_start(args, program);
    while ((arg = va_arg(args, const char *)) != NULL)
        drv_cmd_arg(cmd, arg);
    va_end(args);
    must(drv_cmd_run(cmd, &error));
}

/* An open new file in @dir, for reading and writing. */
static inline int
scratch_open(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    int fd = g_open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static inline int
reopen(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    int fd = g_open(path, O_RDWR | O_CLOEXEC, 0);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

/* @size bytes that do not compress; the same for the same @seed. */
static inline guint8 *
noise(gsize size, guint32 seed)
{
    guint8 *data = g_malloc(size + 4);
    GRand *rand = g_rand_new_with_seed(seed);

    for (gsize i = 0; i < size; i += 4) {
        guint32 word = g_rand_int(rand);

        memcpy(data + i, &word, 4);
    }
    g_rand_free(rand);
    return data;
}

static inline void
put_at(int fd, gconstpointer data, gsize size, guint64 offset)
{
    g_assert_cmpint(pwrite(fd, data, size, (off_t)offset), ==, (gssize)size);
}

/* All of @fd. */
static inline GString *
content_of(int fd)
{
    GString *text = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    must(drv_fd_read_all(fd, text, (gsize)1 << 30, "file", &error));
    return text;
}

static inline guint64
allocated(int fd)
{
    struct stat st;

    g_assert_cmpint(fstat(fd, &st), ==, 0);
    return (guint64)st.st_blocks * 512;
}

#define assert_error_text(error, code, text)                                             \
    do {                                                                                 \
        g_assert_error((error), DRV_ERROR, (int)(code));                                 \
        if (strstr((error)->message, (text)) == NULL)                                    \
            g_error("no '%s' in '%s'", (text), (error)->message);                        \
    } while (0)
