/* SPDX-License-Identifier: Apache-2.0 */
/* base/action.h - how a driver process begins and ends.
 *
 *     drv_action_init(argc, argv);
 *     ...
 *     return drv_action_fail(error)  or  drv_action_reply("%s", source)  or
 * drv_action_done();
 *
 * Only this module writes stdout, and only it knows how a front-end of this release
 * wants to be told of an error.
 */
#pragma once

#include <glib.h>

#include "base/release.h"

/* Set up locale, signals, descriptors 0 to 2, PATH and the names below.  Ends the process
 * with a message when even that fails, and with an answer to --help and --version.
 *
 * PATH becomes the caller's without relative directories, followed by those of /sbin,
 * /usr/sbin, /bin and /usr/bin that it lacks.
 */
void drv_action_init(int argc, char **argv);

/* The action and the driver by which we were called: the last two components of
 * argv[0], never resolved through links ("clone", "qcow2").
 */
const char *drv_action_name(void);
const char *drv_action_driver(void);

/* What this program is in its tree: "tm/qcow2/clone". */
const char *drv_action_path(void);

/* The tree we are part of: two directories above argv[0]'s. */
const char *drv_action_remotes_dir(void);
const DrvRelease *drv_action_release(void);
/* For programs that are elsewhere in the tree; copies @path. */
void drv_action_set_remotes_dir(const char *path);

/* The address from which ssh was used to start us, or NULL. */
const char *drv_action_caller_address(void);

/* /var/lib/one, or $ONE_LOCATION/var; and the like for "etc" (/etc/one). */
const char *drv_action_var_dir(void);
const char *drv_action_etc_dir(void);

/* Say what went wrong, in the form of this release, and return the exit status.
 * @error may be NULL only by mistake, which is reported as such.
 */
int drv_action_fail(const GError *error);

/* Print one line and return 0.  A newline is added; when stdout cannot be written the
 * action has failed, and its status says so.
 */
int drv_action_reply(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* Print @text as it is (monitor, export). */
int drv_action_reply_text(const char *text);

int drv_action_done(void);
