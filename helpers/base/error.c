/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

/* clang-format off: it takes the name for an expression */
G_DEFINE_QUARK(drv - error - quark, drv_error)
/* clang-format on */

/* 126, 127 and 255 are what a shell or ssh says of a program that never ran, and 128+n
 * is a signal, so all of ours are small.
 */
static const int exit_status[DRV_ERROR_LAST] = {
    [DRV_ERROR_FAILED] = 1,      [DRV_ERROR_USAGE] = 2,        [DRV_ERROR_DUMP] = 3,
    [DRV_ERROR_CONFIG] = 4,      [DRV_ERROR_NOT_FOUND] = 5,    [DRV_ERROR_EXISTS] = 6,
    [DRV_ERROR_NO_SPACE] = 7,    [DRV_ERROR_PERMISSION] = 8,   [DRV_ERROR_REFUSED] = 9,
    [DRV_ERROR_BUSY] = 10,       [DRV_ERROR_TIMEOUT] = 11,     [DRV_ERROR_CANCELLED] = 12,
    [DRV_ERROR_COMMAND] = 13,    [DRV_ERROR_REMOTE] = 14,      [DRV_ERROR_CORE] = 15,
    [DRV_ERROR_VIRT] = 16,       [DRV_ERROR_UNSUPPORTED] = 17, [DRV_ERROR_NO_HOST] = 18,
    [DRV_ERROR_NO_STORAGE] = 19,
};

static DrvErrorCode
code_of_errno(int saved_errno)
{
    switch (saved_errno) {
    case ENOENT:
    case ENOTDIR:
        return DRV_ERROR_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY:
        return DRV_ERROR_EXISTS;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return DRV_ERROR_NO_SPACE;
    case EACCES:
    case EPERM:
    case EROFS:
        return DRV_ERROR_PERMISSION;
    case EBUSY:
    case ETXTBSY:
        return DRV_ERROR_BUSY;
    case ETIMEDOUT:
        return DRV_ERROR_TIMEOUT;
    default:
        return DRV_ERROR_FAILED;
    }
}

gboolean
drv_throw(GError **error, DrvErrorCode code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (error) {
        g_assert(*error == NULL);
        *error = g_error_new_valist(DRV_ERROR, (int)code, format, args);
    }
    va_end(args);
    return FALSE;
}

gboolean
drv_throw_errno(GError **error, const char *format, ...)
{
    int saved_errno = errno;
    g_autofree char *message = NULL;
    va_list args;

    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    return drv_throw(
        error, code_of_errno(saved_errno), "%s: %s", message, g_strerror(saved_errno));
}

gboolean
drv_prefix(GError **error, const char *format, ...)
{
    g_autofree char *prefix = NULL;
    va_list args;

    va_start(args, format);
    prefix = g_strdup_vprintf(format, args);
    va_end(args);
    g_prefix_error(error, "%s: ", prefix);
    return FALSE;
}

gboolean
drv_enclose(GError **error, const char *format, ...)
{
    g_autofree char *outer = NULL;
    g_autofree char *inner = NULL;
    va_list args;

    if (error == NULL || *error == NULL)
        return FALSE;
    va_start(args, format);
    outer = g_strdup_vprintf(format, args);
    va_end(args);
    inner = (*error)->message;
    (*error)->message = g_strdup_printf("%s (%s)", outer, inner);
    return FALSE;
}

gboolean
drv_error_is(const GError *error, DrvErrorCode code)
{
    return g_error_matches(error, DRV_ERROR, (int)code);
}

DrvErrorCode
drv_error_code(const GError *error)
{
    if (error == NULL || error->domain != DRV_ERROR)
        return DRV_ERROR_FAILED;
    return (DrvErrorCode)error->code;
}

int
drv_error_exit_status(DrvErrorCode code)
{
    g_return_val_if_fail(code < DRV_ERROR_LAST, 1);
    return exit_status[code];
}

void
drv_ignore(GError **error, const char *reason)
{
    if (*error)
        drv_debug("%s (ignored: %s)", (*error)->message, reason);
    g_clear_error(error);
}
