/* SPDX-License-Identifier: Apache-2.0 */
/* base/help.h - the answers to --help and --version.
 *
 * The text is the comment that the source of its main() begins with; the build takes it
 * from there (packaging/help-text).
 */
#pragma once

/* The answer to "--help" or "--version" as the only argument, or NULL; static. Front-ends
 * never call an action so.
 */
const char *drv_help_answer(int argc, char **argv);
