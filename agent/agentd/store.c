/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/agentd/agentd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"

/* First line of a file: this, and the SHA-256 of what follows. */
#define STORE_MAGIC "one-native-agent 1 "

static const char *const kinds[STORE_KINDS] = {
    "objects", "tasks", "domains", "damaged", "output"
};

static char *
path_of(Agent *agent, const char *kind, const char *name)
{
    return g_build_filename(agent->directory, kind, name, NULL);
}

char *
store_name(const char *first, ...)
{
    GString *name = g_string_new(NULL);
    va_list more;

    va_start(more, first);
    for (const char *part = first; part != NULL; part = va_arg(more, const char *)) {
        g_autofree char *escaped = g_uri_escape_string(part, NULL, FALSE);

        g_string_append_printf(name, "%s%s", name->len ? "," : "", escaped);
    }
    va_end(more);
    return g_string_free(name, FALSE);
}

static int
fd_of(const Agent *agent, const char *kind)
{
    for (guint i = 0; i < STORE_KINDS; i++) {
        if (strcmp(kinds[i], kind) == 0)
            return agent->kind_fds[i];
    }
    g_return_val_if_reached(-1);
}

/* @name in the directory @dir. */
static gboolean
write_new(int dir, const char *name, const char *text, GError **error)
{
    g_auto(DrvFd) fd =
        openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return drv_throw_errno(error, "cannot write '%s'", name);
    if (!drv_fd_write_all(fd, text, strlen(text), name, error))
        return FALSE;
    if (fsync(fd) < 0)
        return drv_throw_errno(error, "cannot write '%s'", name);
    return TRUE;
}

/* All of @text, or what was there. */
static gboolean
replace(int dir, const char *name, const char *text, GError **error)
{
    g_autofree char *new = g_strconcat(name, "~", NULL);

    if (!write_new(dir, new, text, error)) {
        (void)unlinkat(dir, new, 0);
        return FALSE;
    }
    if (renameat(dir, new, dir, name) < 0)
        return drv_throw_errno(error, "cannot rename '%s'", new);
    if (fsync(dir) < 0)
        return drv_throw_errno(error, "cannot sync the directory of '%s'", name);
    return TRUE;
}

gboolean
store_put(
    Agent *agent, const char *kind, const char *name, json_object *object, GError **error)
{
    const char *json = json_object_to_json_string_ext(
        object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, json, -1);
    g_autofree char *text = g_strconcat(STORE_MAGIC, sum, "\n", json, "\n", NULL);

    return replace(fd_of(agent, kind), name, text, error);
}

void
store_remove(Agent *agent, const char *kind, const char *name)
{
    int dir = fd_of(agent, kind);

    if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
        drv_warn("cannot remove '%s' of %s: %s", name, kind, g_strerror(errno));
    if (fsync(dir) < 0)
        drv_warn("cannot sync %s: %s", kind, g_strerror(errno));
}

/* The object of a file whose checksum is right, else NULL. */
static json_object *
object_of(const char *text, gsize size)
{
    const gsize head = strlen(STORE_MAGIC) + 64 + 1;
    g_autofree char *sum = NULL;
    const char *why;

    if (size < head + 1 || !g_str_has_prefix(text, STORE_MAGIC) || text[size - 1] != '\n')
        return NULL;
    sum = g_compute_checksum_for_data(
        G_CHECKSUM_SHA256, (const guchar *)text + head, size - head - 1);
    if (strncmp(sum, text + strlen(STORE_MAGIC), 64) != 0)
        return NULL;
    return agent_json_read(text + head, size - head - 1, AGENT_MAX_DEPTH, &why);
}

/* FALSE: it could not be read, which is not the same as absent. */
static gboolean
load_one(Agent *agent, const char *kind, const char *name, StoreTake take, GError **error)
{
    g_autofree char *path = path_of(agent, kind, name);
    g_autofree char *text = NULL;
    json_object *object;
    gsize size;

    if (!g_file_get_contents(path, &text, &size, error))
        return FALSE;
    object = object_of(text, size);
    if (object == NULL) {
        g_autofree char *aside = path_of(agent, "damaged", name);

        drv_warn("the record '%s' is damaged; it is kept as '%s'", path, aside);
        if (rename(path, aside) < 0)
            return drv_throw_errno(error, "cannot put '%s' aside", path);
        g_ptr_array_add(agent->damaged, g_strdup(aside));
    }
    take(agent, name, object);
    return TRUE;
}

/* Files that were put aside earlier stay known as damaged. */
static void
load_damaged(Agent *agent, StoreTake take, const char *prefix)
{
    g_autofree char *path = path_of(agent, "damaged", NULL);
    g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
    const char *name;

    while (directory && (name = g_dir_read_name(directory)) != NULL) {
        g_autofree char *file = path_of(agent, "damaged", name);

        if (g_str_has_prefix(name, prefix))
            take(agent, name, NULL);
        if (!g_ptr_array_find_with_equal_func(agent->damaged, file, g_str_equal, NULL))
            g_ptr_array_add(agent->damaged, g_steal_pointer(&file));
    }
}

gboolean
store_load(Agent *agent, const char *kind, StoreTake take, GError **error)
{
    g_autofree char *path = path_of(agent, kind, NULL);
    g_autoptr(GDir) directory = g_dir_open(path, 0, error);
    const char *name;

    if (directory == NULL)
        return FALSE;
    while ((name = g_dir_read_name(directory)) != NULL) {
        if (g_str_has_suffix(name, "~")) { /* never renamed: never was */
            g_autofree char *left = path_of(agent, kind, name);

            (void)unlink(left);
        } else if (!load_one(agent, kind, name, take, error)) {
            return FALSE;
        }
    }
    if (strcmp(kind, "objects") == 0)
        load_damaged(agent, take, "vm,");
    return TRUE;
}

/* The next instance is later than all before, also when the clock was set back. */
static gboolean
next_instance(Agent *agent, GError **error)
{
    g_autofree char *path = path_of(agent, "instance", NULL);
    g_autofree char *text = NULL;
    guint64 now = (guint64)(g_get_real_time() / G_USEC_PER_SEC), last = 0;

    if (g_file_get_contents(path, &text, NULL, NULL))
        last = g_ascii_strtoull(text, NULL, 10);
    agent->instance = MAX(now, last + 1) & 0xffffffff;
    g_free(text);
    text = g_strdup_printf("%" G_GUINT64_FORMAT "\n", agent->instance);
    return replace(agent->fd, "instance", text, error);
}

/* Records may survive a boot of the host; then what they say of running VMs is old. */
static gboolean
note_boot(Agent *agent, GError **error)
{
    g_autofree char *path = path_of(agent, "boot", NULL);
    g_autofree char *last = NULL;
    g_autofree char *boot = NULL;

    if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &boot, NULL, error))
        return FALSE;
    agent->same_boot =
        g_file_get_contents(path, &last, NULL, NULL) && strcmp(boot, last) == 0;
    return agent->same_boot || replace(agent->fd, "boot", boot, error);
}

/* They stay open: paths are long, and written to all the time. */
static int
open_directory(const char *path, GError **error)
{
    int fd = -1;

    if (g_mkdir_with_parents(path, 0750) < 0)
        (void)drv_throw_errno(error, "cannot make '%s'", path);
    else if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        (void)drv_throw_errno(error, "cannot open '%s'", path);
    return fd;
}

gboolean
store_open(Agent *agent, GError **error)
{
    agent->fd = open_directory(agent->directory, error);
    for (guint i = 0; agent->fd >= 0 && i < STORE_KINDS; i++) {
        g_autofree char *path = path_of(agent, kinds[i], NULL);

        agent->kind_fds[i] = open_directory(path, error);
        if (agent->kind_fds[i] < 0)
            return FALSE;
    }
    return agent->fd >= 0 && next_instance(agent, error) && note_boot(agent, error);
}
