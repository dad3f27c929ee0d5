/* SPDX-License-Identifier: Apache-2.0 */
#include "base/help.h"

#include <stddef.h>
#include <string.h>

/* In the object of main(); tests have none. */
extern const char drv_help_text[] __attribute__((weak));

const char *
drv_help_answer(int argc, char **argv)
{
    if (argc != 2 || drv_help_text == NULL)
        return NULL;
    if (strcmp(argv[1], "--help") == 0)
        return drv_help_text;
    if (strcmp(argv[1], "--version") == 0)
        return "one-native " DRV_BUILD "\n";
    return NULL;
}
