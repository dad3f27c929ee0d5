/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/status-read.h"
#include "base/status.h"
#include "scratch.h"

#define LAST_SAID(text, line) (strstr(text, "\n" line "\n") != NULL)

/* A front-end of its own, so that the status is below it. */
static char *
front_end(void)
{
    char *dir = scratch_new();

    g_setenv("ONE_LOCATION", dir, TRUE);
    scratch_put(dir, "var/VERSION", "");
    return dir;
}

static void
test_lines(void)
{
    g_autofree char *text = NULL;
    g_autofree char *after = NULL;

    g_assert_null(drv_status_text());
    drv_status_moved(1); /* nothing to note it in */
    drv_status_begin("tm/ssh/mv", "VM 25", "disk.0");
    drv_status_route("host01", "host02\n\033[2J");
    drv_status_step("sending", 1000);
    drv_status_moved(300);
    drv_status_kept(200);
    {
        DRV_STATUS_WAIT("lock");
        {
            DRV_STATUS_WAIT("disk");
        }
        text = drv_status_text();
    }
    g_assert_true(g_str_has_prefix(text, "id="));
    g_assert_true(LAST_SAID(text, "object=VM 25"));
    g_assert_true(LAST_SAID(text, "to=host02\\x0a\\x1b[2J"));
    g_assert_true(LAST_SAID(text, "bytes_moved=300"));
    g_assert_true(LAST_SAID(text, "bytes_left=500"));
    g_assert_true(LAST_SAID(text, "waits_for=lock"));
    after = drv_status_text();
    g_assert_true(LAST_SAID(after, "waits_for="));
    drv_status_end(NULL);
    g_assert_null(drv_status_text());
}

static void
test_steps(void)
{
    g_autofree char *more = NULL;
    g_autofree char *other = NULL;

    drv_status_begin("tm/shared/mv", "VM 25", "");
    drv_status_more("copying", 100);
    drv_status_moved(100);
    drv_status_more("copying", 50);
    more = drv_status_text();
    g_assert_true(LAST_SAID(more, "bytes_total=150"));
    g_assert_true(LAST_SAID(more, "bytes_moved=100"));
    drv_status_more("writing", 70);
    drv_status_progress(90, 70);
    other = drv_status_text();
    g_assert_true(LAST_SAID(other, "bytes_moved=70"));
    g_assert_true(LAST_SAID(other, "seconds_left=0"));
    drv_status_end(NULL);
}

/* What a worker reports is ours until we move something, or it ends. */
static void
test_hear(void)
{
    g_autofree char *heard = NULL;
    g_autofree char *ours = NULL;
    g_autofree char *ended = NULL;
    g_autofree char *odd = NULL;

    drv_status_begin("tm/ssh/mv", "VM 25", "");
    drv_status_hear(
        "host02",
        "phase=receiving\nphase=twice\nbytes_total=10\nbytes_moved=4\nrate=2\n"
        "waits_for=disk\nundone=a note\n");
    heard = drv_status_text();
    g_assert_true(LAST_SAID(heard, "at=host02"));
    g_assert_true(LAST_SAID(heard, "phase=receiving"));
    g_assert_true(LAST_SAID(heard, "bytes_left=6"));
    g_assert_true(LAST_SAID(heard, "seconds_left=3"));
    g_assert_true(LAST_SAID(heard, "waits_for=disk"));
    drv_status_step("sending", 20);
    drv_status_moved(5);
    ours = drv_status_text();
    g_assert_true(LAST_SAID(ours, "at="));
    g_assert_true(LAST_SAID(ours, "bytes_left=15"));
    drv_status_hear("host02", NULL);
    ended = drv_status_text();
    g_assert_true(LAST_SAID(ended, "waits_for="));
    g_assert_true(LAST_SAID(ended, "undone=a note"));
    drv_status_hear("h", "\n=\nrate=-1e999\nbytes_total=18446744073709551616\nphase\n");
    odd = drv_status_text();
    g_assert_nonnull(odd);
    drv_status_end(NULL);
}

static gint64
number(GPtrArray *entries, const char *name)
{
    g_assert_cmpuint(entries->len, ==, 1);
    return drv_status_entry_number(entries->pdata[0], name, -7);
}

/* A claim is written at once, and others read it; at the end only the log is left. */
static void
test_files(void)
{
    g_autoptr(Scratch) dir = front_end();
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) before = drv_status_list(&error);
    g_autoptr(GPtrArray) during = NULL;
    g_autoptr(GPtrArray) after = NULL;
    g_autofree char *limit = NULL;
    g_autofree char *whole = NULL;
    g_autofree char *id = NULL;
    g_autoptr(GString) log = g_string_new(NULL);
    g_auto(DrvFd) fd = -1;

    g_assert_true(g_file_test(dir, G_FILE_TEST_IS_DIR));
    g_assert_cmpuint(before->len, ==, 0);
    drv_status_begin("tm/ssh/mv", "VM 25", "");
    drv_warn("a warning");
    g_assert_null(drv_status_limit_file());
    drv_status_claim(5, 4096);
    during = drv_status_list(&error);
    g_assert_cmpint(number(during, "claim"), ==, 4096);
    g_assert_cmpint(number(during, "pid"), ==, getpid());
    g_assert_cmpint(number(during, "nothing"), ==, -7);
    id = g_strdup(((const DrvStatusEntry *)during->pdata[0])->id);
    g_assert_true(drv_status_is_ours(id));
    limit = drv_status_limit_file();
    g_assert_true(g_str_has_suffix(limit, ".limit"));
    scratch_put("/", limit, "5");
    drv_status_undone("nothing is left");
    (void)drv_throw(&error, DRV_ERROR_CANCELLED, "cancelled");
    drv_status_end(error);
    g_clear_error(&error);
    g_assert_false(g_file_test(limit, G_FILE_TEST_EXISTS));
    after = drv_status_list(&error);
    g_assert_cmpuint(after->len, ==, 0);
    fd = drv_status_open_log(id, &whole, &error);
    g_assert_no_error(error);
    must(drv_fd_read_all(fd, log, 10000, "the log", &error));
    g_assert_nonnull(strstr(log->str, "Z WARN a warning\n"));
    g_assert_nonnull(strstr(log->str, "Z UNDONE nothing is left\n"));
    g_assert_true(g_str_has_suffix(log->str, "Z CANCELLED cancelled\n"));
}

/* No directory can be made: the work goes on without a status. */
static void
test_no_place(void)
{
    g_autofree char *text = NULL;

    drv_status_begin("tm/ssh/mv", "VM 25", "");
    drv_status_claim(5, 4096); /* var was the last test's, and is gone */
    text = drv_status_text();
    g_assert_true(LAST_SAID(text, "claim=4096"));
    drv_status_end(NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/status/lines", test_lines);
    g_test_add_func("/status/steps", test_steps);
    g_test_add_func("/status/hear", test_hear);
    g_test_add_func("/status/files", test_files);
    g_test_add_func("/status/no-place", test_no_place);
    return g_test_run();
}
