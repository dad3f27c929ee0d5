/* SPDX-License-Identifier: Apache-2.0 */
/* test-virt-exec-files.c - a command in one guest waits for none in another. */
#include <fcntl.h>

#include "base/fd.h"
#include "scratch.h"
#include "virt/exec-files.h"

static void
test_lock(void)
{
    g_autoptr(Scratch) dir = scratch_new();
    g_auto(DrvFd) dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(GError) error = NULL;
    g_autofree char *file = g_build_filename(dir, KVM_EXEC_LOCK "one-1", NULL);
    int first = drv_exec_files_lock(dir_fd, "one-1", &error);
    int other = drv_exec_files_lock(dir_fd, "one-2", &error);

    g_assert_no_error(error);
    g_assert_cmpint(first, >=, 0);
    g_assert_cmpint(other, >=, 0);
    g_assert_cmpint(drv_exec_files_lock(dir_fd, "one-1", &error), ==, -1);
    g_assert_error(error, DRV_ERROR, DRV_ERROR_BUSY);
    g_clear_error(&error);
    drv_exec_files_unlock(dir_fd, "one-1", first);
    g_assert_false(g_file_test(file, G_FILE_TEST_EXISTS)); /* nothing stays */
    first = drv_exec_files_lock(dir_fd, "one-1", &error);
    g_assert_no_error(error);
    drv_exec_files_unlock(dir_fd, "one-1", first);
    drv_exec_files_unlock(dir_fd, "one-2", other);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/exec-files/lock", test_lock);
    return g_test_run();
}
