/* SPDX-License-Identifier: Apache-2.0 */
/* JSON of tools and callers. */
#include <stdint.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each getter on each kind of value. */
static void
look(json_object *object)
{
    static const char *const keys[] = { "return", "pid", "exited", "a", "" };

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_assert_nonnull(drv_json_text(object, keys[i], ""));
        (void)drv_json_number(object, keys[i], -1);
        (void)drv_json_flag(object, keys[i], FALSE);
        if (drv_json_member(object, keys[i]))
            look(drv_json_member(object, keys[i]));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_object) object =
        drv_json_parse_object("it", (const char *)data, (gssize)size, &error);
    g_autofree char *line = NULL;
    g_autoptr(json_object) again = NULL;

    g_assert_true((object == NULL) == (error != NULL));
    if (object == NULL)
        return 0;
    look(object);
    line = drv_json_print(object);
    again = drv_json_parse_object("it", line, -1, &error);
    g_assert_no_error(error); /* what is printed is JSON, of one line */
    g_assert_null(strchr(line, '\n'));
    return 0;
}
