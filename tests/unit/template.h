/* SPDX-License-Identifier: Apache-2.0 */
/* template.h - is a text what oned accepts?  Asks tests/lib/template, so that programs
 * and functions are judged by the same rules; tests run in the tree's root.
 */
#pragma once

#include "scratch.h"

static inline gboolean
template_is_good(const char *text)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *file = g_build_filename(dir, "text", NULL);
    g_autoptr(DrvCmd) cmd = drv_cmd_new("tests/lib/template", file, NULL);
    g_autoptr(GError) error = NULL;

    must(g_file_set_contents(file, text, -1, &error));
    if (drv_cmd_run(cmd, &error))
        return TRUE;
    g_test_message("%s", error->message);
    g_assert_error(error, DRV_ERROR, (int)DRV_ERROR_COMMAND);
    return FALSE;
}
