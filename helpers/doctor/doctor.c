/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/doctor.h"

#include <string.h>

#include "base/error.h"

#define MAX_DATASTORES 4096

static const DrvField fields[] = {
    DRV_FIELD(DoctorLook, front_end, .fallback = "NO"),
    DRV_FIELD(DoctorLook, libvirt, .fallback = "NO"),
    DRV_FIELD(DoctorLook, datastores),
    DRV_FIELD(DoctorLook, peers),
};
const DrvRequestType doctor_look_request =
    DRV_REQUEST_TYPE("doctor.look", DoctorLook, fields);

void
doctor_add(json_object *findings,
           DoctorLevel level,
           const char *subject,
           const char *why,
           const char *mend,
           const char *format,
           ...)
{
    json_object *finding = json_object_new_object();
    g_autofree char *what = NULL;
    va_list values;

    va_start(values, format);
    what = g_strdup_vprintf(format, values);
    va_end(values);
    drv_json_add_text(finding, "level", level == DOCTOR_ERROR ? "error" : "warning");
    drv_json_add_text(finding, "subject", subject);
    drv_json_add_text(finding, "what", what);
    drv_json_add_text(finding, "why", why);
    drv_json_add_text(finding, "mend", mend);
    json_object_array_add(findings, finding);
}

/* --- datastores, as words of a request: "ID:system:TM:NONCE:PATH" ----------------------
 */

char *
doctor_datastore_word(const DoctorDatastore *datastore)
{
    return g_strdup_printf("%" G_GUINT64_FORMAT ":%d:%s:%s:%s",
                           datastore->id,
                           datastore->is_system,
                           datastore->tm,
                           datastore->nonce,
                           datastore->path);
}

gboolean
doctor_datastore_is_shared(const DoctorDatastore *datastore)
{
    return strcmp(datastore->tm, "shared") == 0 || strcmp(datastore->tm, "qcow2") == 0;
}

/* Whether it is a directory at all. */
static gboolean
has_files(const DoctorDatastore *datastore)
{
    static const char *const drivers[] = { "shared", "qcow2", "ssh", "local", NULL };

    return g_strv_contains(drivers, datastore->tm) ||
           (datastore->is_system && strcmp(datastore->tm, "ceph") == 0);
}

/* What the texts are is the vector's, which the caller frees; NULL with @error. */
static char **
parse_datastore(const char *word, DoctorDatastore *datastore, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(word, ":", 5);

    if (g_strv_length(parts) != 5 ||
        !g_ascii_string_to_unsigned(parts[0], 10, 0, G_MAXUINT32, &datastore->id, NULL) ||
        strchr(parts[3], '/')) {
        (void)drv_throw(error, DRV_ERROR_USAGE, "'%s' is not a datastore", word);
        return NULL;
    }
    if (!drv_request_check_path("datastore", parts[4], error))
        return NULL;
    datastore->is_system = strcmp(parts[1], "1") == 0;
    datastore->tm = parts[2];
    datastore->nonce = parts[3];
    datastore->path = parts[4];
    return g_steal_pointer(&parts);
}

/* The front-end has no part in it. */
static gboolean
is_hosts_own(const DoctorDatastore *datastore)
{
    return datastore->is_system && !doctor_datastore_is_shared(datastore);
}

/* --- the look --------------------------------------------------------------------------
 */

static gboolean
check_datastores(const DoctorLook *look,
                 gboolean *ceph,
                 json_object *findings,
                 GError **error)
{
    if (g_strv_length(look->datastores) > MAX_DATASTORES)
        return drv_throw(
            error, DRV_ERROR_USAGE, "more than %d datastores", MAX_DATASTORES);
    for (char **word = look->datastores; *word; word++) {
        DoctorDatastore datastore;
        g_auto(GStrv) parts = parse_datastore(*word, &datastore, error);

        if (parts == NULL)
            return FALSE;
        if (strcmp(datastore.tm, "ceph") == 0)
            *ceph = TRUE;
        if (!has_files(&datastore) || (look->front_end && is_hosts_own(&datastore)))
            continue;
        doctor_check_datastore(&datastore, look->front_end, findings);
        if (look->front_end || !doctor_datastore_is_proved(&datastore))
            doctor_check_leftovers(&datastore, findings);
    }
    return TRUE;
}

static gboolean
look_here(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const DoctorLook *look = data;
    g_autoptr(json_object) all = json_object_new_object();
    json_object *findings = json_object_new_array();
    gboolean ceph = FALSE;

    (void)in;
    json_object_object_add(all, "findings", findings);
    json_object_object_add(all, "time", json_object_new_int64(g_get_real_time()));
    if (!check_datastores(look, &ceph, findings, error))
        return FALSE;
    doctor_check_programs(look, ceph, findings);
    if (look->libvirt)
        doctor_check_libvirt(findings);
    doctor_check_probes(findings);
    doctor_check_peers(look->peers, findings);
    *result = drv_json_print(all);
    return TRUE;
}

const DrvOp doctor_look = {
    .name = "doctor.look",
    .request = &doctor_look_request,
    .run = look_here,
};
DRV_OP_REGISTER(doctor_look);
