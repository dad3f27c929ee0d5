/* SPDX-License-Identifier: Apache-2.0 */
/* base/config.h - configuration files in shell syntax, parsed and never run.
 *
 * Understood: NAME=value, export NAME=value, '…' and "…", \ outside of '…', # comments,
 * $NAME, ${NAME}, ${NAME:-default} of names set earlier in the file or in the
 * environment.  A command substitution is an error; other shell code is skipped.
 */
#pragma once

#include <glib.h>

typedef struct DrvConfig DrvConfig;

void drv_config_free(DrvConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvConfig, drv_config_free)

/* Parse @text; @name is for messages.  NULL with DRV_ERROR_CONFIG ("name:line: why"). */
DrvConfig *drv_config_parse(const char *name, const char *text, GError **error);

/* Parse the file <remotes>/etc/@path.  A file that does not exist is an empty one. */
DrvConfig *drv_config_load(const char *path, GError **error);

/* Value of @name, or @fallback when it is not set or empty. */
const char *
drv_config_get(const DrvConfig *config, const char *name, const char *fallback);

/* The same as a number; DRV_ERROR_CONFIG when it is none. */
gboolean drv_config_get_uint(const DrvConfig *config,
                             const char *name,
                             guint64 fallback,
                             guint64 *value,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_config_get_bool(const DrvConfig *config,
                             const char *name,
                             gboolean fallback,
                             gboolean *value,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE when there is an ssh agent (SSH_AUTH_SOCK). */
gboolean drv_config_has_agent(void);
