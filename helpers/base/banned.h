/* SPDX-License-Identifier: Apache-2.0 */
/* banned.h - given to every compile by -include: functions that have no place here.
 * Those that run a shell or a string as a command, and those that cannot know the size
 * of what they write to.  The headers come first, so that only our own uses are errors.
 */
#pragma once

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Macros with clang and _FORTIFY_SOURCE, and a macro cannot be poisoned. */
#undef sprintf
#undef vsprintf
#pragma GCC poison system popen
#pragma GCC poison strcpy strcat sprintf vsprintf strtok mktemp tmpnam gets
#pragma GCC poison g_spawn_command_line_sync g_spawn_command_line_async g_spawn_sync     \
    g_spawn_async
