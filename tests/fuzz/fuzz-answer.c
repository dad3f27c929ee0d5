/* SPDX-License-Identifier: Apache-2.0 */
/* What oned answers.  First byte, even: the rest is the answer; odd: it is the document
 * in an answer that is well-formed.
 */
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "request/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *
in_envelope(const char *text)
{
    g_autofree char *escaped = g_markup_escape_text(text, -1);

    return g_strdup_printf("<methodResponse><params><param><value><array><data>"
                           "<value><boolean>1</boolean></value><value><string>%s"
                           "</string></value><value><i4>0</i4></value></data></array>"
                           "</value></param></params></methodResponse>",
                           escaped);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = size > 0 ? g_strndup((const char *)data + 1, size - 1) : NULL;
    g_autofree char *answer = text && data[0] % 2 ? in_envelope(text) : NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvDump) dump = NULL;
    g_autofree char *value = NULL;

    if (text == NULL)
        return 0;
    if (answer)
        dump = drv_core_parse_answer(answer, strlen(answer), &error);
    else
        dump = drv_core_parse_answer((const char *)data + 1, size - 1, &error);
    g_assert((dump == NULL) == (error != NULL));
    g_assert(dump || drv_error_is(error, DRV_ERROR_CORE) ||
             drv_error_is(error, DRV_ERROR_NOT_FOUND));
    if (dump)
        g_assert(drv_dump_value(dump, "TEMPLATE/DISK[DISK_ID=0]/SIZE", &value, NULL));
    return 0;
}
