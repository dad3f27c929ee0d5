/* SPDX-License-Identifier: Apache-2.0 */
/* drv doctor: what only the front-end can say of itself. */
#include <fcntl.h>
#include <string.h>

#include "agent/drv/doctor.h"
#include "base/action.h"
#include "base/fd.h"

#define MAX_SETTINGS ((gsize)1024 * 1024)

/* --- oned.conf -------------------------------------------------------------------------
 */

/* Without comments; NULL: it cannot be read. */
static char *
read_settings(const char *path)
{
    g_autofree char *text = NULL;
    g_autoptr(GRegex) comment = g_regex_new("#.*$", G_REGEX_MULTILINE, 0, NULL);
    gsize size = 0;

    if (!g_file_get_contents(path, &text, &size, NULL) || size > MAX_SETTINGS ||
        !g_utf8_validate(text, (gssize)size, NULL))
        return NULL;
    return g_regex_replace_literal(comment, text, -1, 0, "", 0, NULL);
}

/* Whether "-d" of the section @driver ("TM_MAD") has @name. */
static gboolean
is_listed(const char *text, const char *driver, const char *name)
{
    g_autofree char *pattern =
        g_strdup_printf("\\b%s\\s*=\\s*\\[[^]]*-d\\s+([\\w,.-]+)", driver);
    g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    g_autofree char *list = NULL;
    g_auto(GStrv) names = NULL;

    if (!g_regex_match(regex, text, 0, &match))
        return TRUE; /* an older or newer form: nothing can be said */
    list = g_match_info_fetch(match, 1);
    names = g_strsplit(list, ",", -1);
    return g_strv_contains((const char *const *)names, name);
}

static void
check_listed(const char *text,
             const char *path,
             const CloudDatastore *datastore,
             const char *driver,
             const char *name,
             json_object *findings)
{
    g_autofree char *subject =
        g_strdup_printf("datastore %" G_GUINT64_FORMAT, datastore->about.id);
    g_autofree char *mend = g_strdup_printf(
        "add it to ARGUMENTS of %s in %s, and restart oned", driver, path);

    if (*name && !is_listed(text, driver, name))
        doctor_add(findings,
                   DOCTOR_ERROR,
                   subject,
                   "oned starts no action of it",
                   mend,
                   "its driver %s is not in the list of %s",
                   name,
                   driver);
}

static void
check_oned_conf(const Cloud *cloud, json_object *findings)
{
    g_autofree char *path = g_build_filename(drv_action_etc_dir(), "oned.conf", NULL);
    g_autofree char *text = read_settings(path);

    for (guint i = 0; text && i < cloud->datastores->len; i++) {
        const CloudDatastore *datastore = cloud->datastores->pdata[i];

        check_listed(text, path, datastore, "TM_MAD", datastore->about.tm, findings);
        if (!datastore->about.is_system)
            check_listed(text, path, datastore, "DATASTORE_MAD", datastore->ds, findings);
    }
}

/* --- our tree --------------------------------------------------------------------------
 */

static gboolean
is_program(const char *path)
{
    g_auto(DrvFd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char magic[4];

    return fd >= 0 && pread(fd, magic, sizeof magic, 0) == sizeof magic &&
           memcmp(magic, "\177ELF", sizeof magic) == 0;
}

/* One action of a driver stands for all: they are put in together. */
static void
check_driver(const char *family,
             const char *driver,
             const char *action,
             GHashTable *seen,
             json_object *findings)
{
    static const char *const ours[] = { "shared", "qcow2", "ssh", "local", "ceph",
                                        "dev",    "dummy", "fs",  NULL };
    g_autofree char *name = g_strdup_printf("%s/%s/%s", family, driver, action);
    g_autofree char *path = g_build_filename(drv_action_remotes_dir(), name, NULL);

    if (!g_strv_contains(ours, driver) || !g_hash_table_add(seen, g_strdup(name)) ||
        is_program(path))
        return;
    doctor_add(findings,
               DOCTOR_ERROR,
               name,
               "a stock action runs in its place, or none",
               "dpkg-reconfigure one-native, or install-remotes again",
               "%s is not a program of one-native",
               path);
}

static void
check_tree(const Cloud *cloud, json_object *findings)
{
    g_autoptr(GHashTable) seen =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < cloud->datastores->len; i++) {
        const CloudDatastore *datastore = cloud->datastores->pdata[i];

        check_driver("tm", datastore->about.tm, "clone", seen, findings);
        if (!datastore->about.is_system)
            check_driver("datastore", datastore->ds, "cp", seen, findings);
    }
}

/* --- settings that nobody reads --------------------------------------------------------
 */

static void
check_settings(json_object *findings)
{
    static const char *const known[] = { ONE_NATIVE_SETTINGS NULL };
    g_autofree char *path =
        g_build_filename(drv_action_remotes_dir(), "etc", "one-native.conf", NULL);
    g_autofree char *text = read_settings(path);
    g_autoptr(GRegex) setting =
        g_regex_new("^\\s*(?:export\\s+)?([A-Za-z_]\\w*)=", G_REGEX_MULTILINE, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;

    if (text == NULL)
        return;
    for (gboolean more = g_regex_match(setting, text, 0, &match); more;
         more = g_match_info_next(match, NULL)) {
        g_autofree char *name = g_match_info_fetch(match, 1);

        if (!g_strv_contains(known, name))
            doctor_add(findings,
                       DOCTOR_WARNING,
                       "one-native.conf",
                       "what it is meant to change stays as it is",
                       "correct the name: man 7 drv-protocol, README",
                       "%s is a setting that nothing reads",
                       name);
    }
}

void
doctor_front_end(const Cloud *cloud, json_object *findings)
{
    check_oned_conf(cloud, findings);
    check_tree(cloud, findings);
    check_settings(findings);
}
