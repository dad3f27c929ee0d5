/* SPDX-License-Identifier: Apache-2.0 */
/* base/error.h - what can go wrong, and what a process says with its exit status.
 *
 * Every function of this library that can fail returns gboolean (or NULL / -1) and takes
 * a GError ** last.  Throwing is one statement:
 *
 *     if (fd < 0)
 *         return drv_throw_errno(error, "cannot open '%s'", path);
 *
 * Each layer adds its own noun with drv_prefix(); do not both log and return an error.
 * Messages start in lower case, quote values with '…', and have no full stop.
 */
#pragma once

#include <glib.h>

typedef enum {
    DRV_ERROR_FAILED,      /* anything without a code of its own */
    DRV_ERROR_USAGE,       /* argv is wrong */
    DRV_ERROR_DUMP,        /* the XML is wrong or lacks a value */
    DRV_ERROR_CONFIG,      /* a configuration file is wrong */
    DRV_ERROR_NOT_FOUND,   /* no such file, host, domain */
    DRV_ERROR_EXISTS,      /* already there */
    DRV_ERROR_NO_SPACE,    /* disk full, quota */
    DRV_ERROR_PERMISSION,  /* not allowed by the system */
    DRV_ERROR_REFUSED,     /* not allowed by us: unsafe path, dangerous image */
    DRV_ERROR_BUSY,        /* another driver holds the object */
    DRV_ERROR_TIMEOUT,     /* a deadline passed */
    DRV_ERROR_CANCELLED,   /* SIGTERM, or the caller went away */
    DRV_ERROR_COMMAND,     /* a tool failed; its last stderr line is in the message */
    DRV_ERROR_REMOTE,      /* ssh, the host or its worker */
    DRV_ERROR_CORE,        /* oned did not answer, or not sensibly */
    DRV_ERROR_VIRT,        /* libvirt */
    DRV_ERROR_UNSUPPORTED, /* this driver has no such operation */
    DRV_ERROR_NO_HOST,     /* no worker could be reached there; nothing was begun */
    DRV_ERROR_NO_STORAGE,  /* this host does not reach the storage; nothing was begun */
    DRV_ERROR_LAST
} DrvErrorCode;

#define DRV_ERROR drv_error_quark()
GQuark drv_error_quark(void);

/* Set @error and return FALSE.  @format is a complete message. */
gboolean drv_throw(GError **error, DrvErrorCode code, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* Like drv_throw(), with ": <strerror(errno)>" behind the message and the code that
 * belongs to errno (ENOSPC and EDQUOT are NO_SPACE, ENOENT is NOT_FOUND, …).
 */
gboolean drv_throw_errno(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Put "<message>: " before the message of *error, and return FALSE. */
gboolean drv_prefix(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Make the message of *error "<message> (what it was)", and return FALSE: when users need
 * to know what to do rather than what went wrong inside.
 */
gboolean drv_enclose(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* TRUE when @error is of DRV_ERROR with @code; @error may be NULL. */
gboolean drv_error_is(const GError *error, DrvErrorCode code);

/* The code of @error, DRV_ERROR_FAILED for errors of other domains. */
DrvErrorCode drv_error_code(const GError *error);

/* Exit status of a process that ends with @code, 1..99: see drv-protocol(7). */
int drv_error_exit_status(DrvErrorCode code);

/* Drop *error, which may be NULL, and log it at debug level together with the reason
 * why nothing needs to be done about it.
 */
void drv_ignore(GError **error, const char *reason);
