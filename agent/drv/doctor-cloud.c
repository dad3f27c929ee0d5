/* SPDX-License-Identifier: Apache-2.0 */
/* drv doctor: hosts and datastores, as oned describes them. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/drv/doctor.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "request/core.h"

#define OFFLINE "8" /* state of a host that nobody may use */
#define NONCE ".drv-doctor."
#define OLD_NONCE_S 3600

/* --- reading ---------------------------------------------------------------------------
 */

static void
host_free(gpointer data)
{
    CloudHost *host = data;

    g_free(host->name);
    g_free(host->cluster);
    g_free(host);
}

static void
datastore_free(gpointer data)
{
    CloudDatastore *datastore = data;

    g_free(datastore->about.tm);
    g_free(datastore->about.nonce);
    g_free(datastore->about.path);
    g_free(datastore->ds);
    g_strfreev(datastore->clusters);
    g_free(datastore);
}

void
cloud_free(Cloud *cloud)
{
    g_ptr_array_unref(cloud->hosts);
    g_ptr_array_unref(cloud->datastores);
    g_free(cloud);
}

/* "" for what is not there. */
static char *
value_of(DrvDump *pool, const char *xpath)
{
    char *text = NULL;

    if (!drv_dump_value(pool, xpath, &text, NULL) || text == NULL)
        return g_strdup("");
    return text;
}

static void
add_host(Cloud *cloud, DrvDump *pool)
{
    g_autofree char *state = value_of(pool, "HOST[ID=$id]/STATE");
    g_autofree char *driver = value_of(pool, "HOST[ID=$id]/VM_MAD");
    CloudHost *host;

    if (strcmp(state, OFFLINE) == 0)
        return;
    host = g_new0(CloudHost, 1);
    host->name = value_of(pool, "HOST[ID=$id]/NAME");
    host->cluster = value_of(pool, "HOST[ID=$id]/CLUSTER_ID");
    host->libvirt = strcmp(driver, "kvm") == 0 || strcmp(driver, "qemu") == 0;
    g_ptr_array_add(cloud->hosts, host);
}

static void
add_datastore(Cloud *cloud, DrvDump *pool, guint64 id)
{
    CloudDatastore *datastore = g_new0(CloudDatastore, 1);
    g_autofree char *type = value_of(pool, "DATASTORE[ID=$id]/TYPE");
    g_autofree char *path = value_of(pool, "DATASTORE[ID=$id]/BASE_PATH");

    datastore->about.id = id;
    datastore->about.is_system = strcmp(type, "1") == 0;
    datastore->about.tm = value_of(pool, "DATASTORE[ID=$id]/TM_MAD");
    datastore->about.nonce = g_strdup("");
    datastore->about.path = drv_path_collapse(path);
    datastore->ds = value_of(pool, "DATASTORE[ID=$id]/DS_MAD");
    datastore->clusters = drv_dump_values(
        pool, "DATASTORE[ID=$id]/CLUSTERS/ID|DATASTORE[ID=$id]/CLUSTER_ID");
    g_ptr_array_add(cloud->datastores, datastore);
}

static void
add_all(Cloud *cloud, DrvDump *pool, const char *element)
{
    g_autofree char *xpath = g_strconcat(element, "/ID", NULL);
    g_auto(GStrv) ids = drv_dump_values(pool, xpath);

    for (char **id = ids; *id; id++) {
        guint64 number;

        if (!g_ascii_string_to_unsigned(*id, 10, 0, G_MAXUINT32, &number, NULL))
            continue;
        drv_dump_set_variable(pool, "id", *id);
        if (strcmp(element, "HOST") == 0)
            add_host(cloud, pool);
        else
            add_datastore(cloud, pool, number);
    }
}

Cloud *
cloud_read(GError **error)
{
    g_autoptr(DrvDump) hosts = drv_core_info(DRV_CORE_HOST_POOL, -1, error);
    g_autoptr(DrvDump) datastores =
        hosts ? drv_core_info(DRV_CORE_DATASTORE_POOL, -1, error) : NULL;
    Cloud *cloud;

    if (datastores == NULL)
        return NULL;
    cloud = g_new0(Cloud, 1);
    cloud->hosts = g_ptr_array_new_with_free_func(host_free);
    cloud->datastores = g_ptr_array_new_with_free_func(datastore_free);
    add_all(cloud, hosts, "HOST");
    add_all(cloud, datastores, "DATASTORE");
    return cloud;
}

/* --- what is asked of a machine --------------------------------------------------------
 */

static gboolean
concerns(const CloudDatastore *datastore, const CloudHost *host)
{
    return host == NULL ||
           g_strv_contains((const char *const *)datastore->clusters, host->cluster);
}

/* The next host of its cluster, in a ring; NULL: it is alone. */
static const CloudHost *
neighbour(const Cloud *cloud, const CloudHost *host)
{
    guint at = 0;

    if (!g_ptr_array_find(cloud->hosts, host, &at))
        return NULL;
    for (guint i = 1; i < cloud->hosts->len; i++) {
        const CloudHost *other = cloud->hosts->pdata[(at + i) % cloud->hosts->len];

        if (strcmp(other->cluster, host->cluster) == 0)
            return other;
    }
    return NULL;
}

DoctorLook *
cloud_look_at(const Cloud *cloud, const CloudHost *host)
{
    DoctorLook *look = drv_request_new(&doctor_look_request);
    const CloudHost *peer = host ? neighbour(cloud, host) : NULL;
    const char *peers[] = { peer ? peer->name : NULL, NULL };
    GStrvBuilder *words = g_strv_builder_new();

    for (guint i = 0; i < cloud->datastores->len; i++) {
        const CloudDatastore *datastore = cloud->datastores->pdata[i];
        g_autofree char *word = doctor_datastore_word(&datastore->about);

        if (concerns(datastore, host))
            g_strv_builder_add(words, word);
    }
    look->front_end = host == NULL;
    look->libvirt = host && host->libvirt;
    look->datastores = g_strv_builder_end(words);
    look->peers = g_strdupv((char **)peers);
    g_strv_builder_unref(words);
    return look;
}

/* --- one directory or two --------------------------------------------------------------
 */

static void
remove_nonce(int dir, const char *path, const char *name)
{
    g_autoptr(GError) ignored = NULL;

    if (!drv_path_unlink(dir, path, name, &ignored))
        drv_ignore(&ignored, "the next look removes it");
}

/* Of a look that was killed. */
static void
remove_old(int dir, const char *path)
{
    g_auto(GStrv) names = drv_path_list(dir, path, NULL);

    for (char **name = names; name && *name; name++) {
        struct stat st;

        if (g_str_has_prefix(*name, NONCE) &&
            fstatat(dir, *name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            st.st_mtime < time(NULL) - OLD_NONCE_S)
            remove_nonce(dir, path, *name);
    }
}

static void
make_nonce(DoctorDatastore *datastore)
{
    g_auto(DrvFd) dir = open(datastore->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autofree char *id = g_uuid_string_random();
    g_autofree char *name = g_strconcat(NONCE, id, NULL);
    g_auto(DrvFd) fd = -1;

    if (dir < 0)
        return;
    remove_old(dir, datastore->path);
    fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return; /* the look says why */
    g_free(datastore->nonce);
    datastore->nonce = g_steal_pointer(&name);
}

void
cloud_make_nonces(Cloud *cloud)
{
    for (guint i = 0; i < cloud->datastores->len; i++) {
        CloudDatastore *datastore = cloud->datastores->pdata[i];

        if (doctor_datastore_is_shared(&datastore->about))
            make_nonce(&datastore->about);
    }
}

void
cloud_remove_nonces(Cloud *cloud)
{
    for (guint i = 0; i < cloud->datastores->len; i++) {
        DoctorDatastore *datastore =
            &((CloudDatastore *)cloud->datastores->pdata[i])->about;
        g_auto(DrvFd) dir = -1;

        if (*datastore->nonce == '\0')
            continue;
        dir = open(datastore->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir >= 0)
            remove_nonce(dir, datastore->path, datastore->nonce);
        *datastore->nonce = '\0';
    }
}
