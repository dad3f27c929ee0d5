/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"

static const struct {
    int number;
    DrvErrorCode code;
} numbers[] = {
    { ENOENT, DRV_ERROR_NOT_FOUND },  { ENOTDIR, DRV_ERROR_NOT_FOUND },
    { EEXIST, DRV_ERROR_EXISTS },     { ENOTEMPTY, DRV_ERROR_EXISTS },
    { ENOSPC, DRV_ERROR_NO_SPACE },   { EDQUOT, DRV_ERROR_NO_SPACE },
    { EFBIG, DRV_ERROR_NO_SPACE },    { EACCES, DRV_ERROR_PERMISSION },
    { EPERM, DRV_ERROR_PERMISSION },  { EROFS, DRV_ERROR_PERMISSION },
    { EBUSY, DRV_ERROR_BUSY },        { ETXTBSY, DRV_ERROR_BUSY },
    { ETIMEDOUT, DRV_ERROR_TIMEOUT }, { EIO, DRV_ERROR_FAILED },
    { 123456, DRV_ERROR_FAILED },
};

static void
test_errno(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text =
            g_strdup_printf("cannot open 'a b': %s", g_strerror(numbers[i].number));

        errno = numbers[i].number;
        g_assert_false(drv_throw_errno(&error, "cannot open '%s'", "a b"));
        g_assert_error(error, DRV_ERROR, (int)numbers[i].code);
        g_assert_cmpstr(error->message, ==, text);
    }
}

static void
test_prefix(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(drv_throw(&error, DRV_ERROR_BUSY, "%d%% of it", 3));
    g_assert_false(drv_prefix(&error, "%s", "100% image 7"));
    g_assert_cmpstr(error->message, ==, "100% image 7: 3% of it");
    g_assert_true(drv_error_is(error, DRV_ERROR_BUSY));
    g_assert_false(drv_error_is(error, DRV_ERROR_FAILED));
    g_assert_false(drv_error_is(NULL, DRV_ERROR_BUSY));
}

static void
test_nobody_asks(void)
{
    GError *none = NULL;

    g_assert_false(drv_throw(NULL, DRV_ERROR_FAILED, "x"));
    g_assert_false(drv_throw_errno(NULL, "x"));
    g_assert_false(drv_prefix(NULL, "x"));
    g_assert_false(drv_prefix(&none, "x"));
    g_assert_null(none);
}

static void
test_codes(void)
{
    g_autoptr(GError) foreign = g_error_new(G_FILE_ERROR, G_FILE_ERROR_NOENT, "x");
    gboolean seen[100] = { FALSE };

    g_assert_cmpint(drv_error_code(foreign), ==, DRV_ERROR_FAILED);
    g_assert_cmpint(drv_error_code(NULL), ==, DRV_ERROR_FAILED);
    for (int code = 0; code < DRV_ERROR_LAST; code++) {
        int status = drv_error_exit_status((DrvErrorCode)code);

        g_assert_cmpint(status, >, 0);
        g_assert_cmpint(status, <, 100);
        g_assert_false(seen[status]);
        seen[status] = TRUE;
    }
}

static void
note(DrvLogLevel level, const char *text, gpointer data)
{
    g_string_append_printf(data, "%d %s", (int)level, text);
}

static void
test_ignore(void)
{
    g_autoptr(GString) said = g_string_new(NULL);
    GError *error = NULL;

    drv_log_set_debug(TRUE);
    drv_log_set_sink(note, said);
    drv_ignore(&error, "nothing happened");
    g_assert_cmpstr(said->str, ==, "");
    (void)drv_throw(&error, DRV_ERROR_BUSY, "it is busy");
    drv_ignore(&error, "it will be tried again");
    g_assert_null(error);
    g_assert_cmpstr(said->str, ==, "3 it is busy (ignored: it will be tried again)");
    drv_log_set_sink(NULL, NULL);
    drv_log_set_debug(FALSE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/error/errno", test_errno);
    g_test_add_func("/error/prefix", test_prefix);
    g_test_add_func("/error/nobody-asks", test_nobody_asks);
    g_test_add_func("/error/codes", test_codes);
    g_test_add_func("/error/ignore", test_ignore);
    return g_test_run();
}
