/* SPDX-License-Identifier: Apache-2.0 */
/* Requests from XML: apart from the rest, so that workers need no libxml2. */
#include "base/error.h"
#include "request/request.h"

/* Earlier fields are variables of later expressions: no value is ever pasted into one. */
static void
export_variable(gconstpointer request, const DrvField *field, DrvDump *dump)
{
    g_autofree char *text = NULL;

    if (field->kind == DRV_UINT || field->kind == DRV_INT)
        text = g_strdup_printf("%" G_GINT64_FORMAT,
                               G_STRUCT_MEMBER(gint64, request, field->offset));
    else if (field->kind == DRV_TEXT)
        text = g_strdup(G_STRUCT_MEMBER(char *, request, field->offset));
    if (text)
        drv_dump_set_variable(dump, field->name, text);
}

gboolean
drv_request_read_dump(gpointer request, DrvDump *dump, GError **error)
{
    const DrvRequestType *type = ((DrvRequest *)request)->type;

    for (guint i = 0; i < type->n_fields; i++) {
        const DrvField *field = &type->fields[i];
        g_autofree char *text = NULL;

        if (field->xpath == NULL) {
            export_variable(request, field, dump);
            continue;
        }
        if (!drv_dump_value(dump, field->xpath, &text, error))
            return FALSE;
        if (!drv_request_set(request, field, text, error)) {
            (void)drv_prefix(error, "%s", field->xpath);
            if (error && *error && !drv_error_is(*error, DRV_ERROR_REFUSED))
                (*error)->code = DRV_ERROR_DUMP;
            return FALSE;
        }
        export_variable(request, field, dump);
    }
    return TRUE;
}
