/* SPDX-License-Identifier: Apache-2.0 */
#include "request/subject.h"

#include "base/status.h"
#include "request/request.h"

/* The value of field @name as text, or NULL; caller frees. */
static char *
value_of(gconstpointer request, const char *name)
{
    const DrvRequestType *type = ((const DrvRequest *)request)->type;

    for (guint i = 0; i < type->n_fields; i++) {
        const DrvField *field = &type->fields[i];
        gconstpointer at = (const char *)request + field->offset;

        if (!g_str_equal(field->name, name))
            continue;
        if (field->kind == DRV_UINT)
            return g_strdup_printf("%" G_GUINT64_FORMAT, *(const guint64 *)at);
        if (field->kind == DRV_INT)
            return g_strdup_printf("%" G_GINT64_FORMAT, *(const gint64 *)at);
        if (field->kind == DRV_TEXT && **(char *const *)at)
            return g_strdup(*(char *const *)at);
    }
    return NULL;
}

/* Datastores have no field of their own: their number stands in that of the image, or at
 * the end of the path.
 */
static char *
datastore_of(gconstpointer request)
{
    g_autofree char *id = value_of(request, "image_id");
    g_autofree char *path = value_of(request, "target");

    if (id == NULL && path)
        id = g_path_get_basename(path);
    return g_strdup_printf("datastore %s", id ? id : "");
}

static char *
object_of(gconstpointer request)
{
    g_autofree char *vm = value_of(request, "vm_id");
    g_autofree char *image = value_of(request, "image_id");
    g_autofree char *domain = value_of(request, "deploy_id");

    if (g_str_has_suffix(((const DrvRequest *)request)->type->name, ".monitor"))
        return datastore_of(request);
    if (vm)
        return g_strdup_printf("VM %s", vm);
    if (image)
        return g_strdup_printf("image %s", image);
    return g_strdup_printf("domain %s", domain ? domain : "");
}

void
drv_subject_begin(const char *action, gconstpointer request)
{
    g_autofree char *object = object_of(request);
    g_autofree char *disk = value_of(request, "disk_id");
    g_autofree char *detail =
        disk && *disk != '-' ? g_strconcat("disk.", disk, NULL) : g_strdup("");

    drv_status_begin(action, object, detail);
}
