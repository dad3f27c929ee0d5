/* SPDX-License-Identifier: Apache-2.0 */
/* One process: what a stage does.  Several, and deaths, are in test-stage-crash.c. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/answer.h"
#include "base/cancel.h"
#include "base/path.h"
#include "stage.h"

/* --- plans -----------------------------------------------------------------------------
 */

static void
test_put_one(void)
{
    PLACE();
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvStage) stage = open_stage(&place, "disk.0");

    make_file(stage, "new", "new");
    assert_tree(&place, "a=old b=old link->old");
    drv_stage_publish(stage, "new", "disk.0");
    must(drv_stage_commit(stage, &error));
    assert_tree(&place, "a=old b=old disk.0=new link->old");
    make_file(stage, "again", "newer"); /* it is still ours */
    drv_stage_publish(stage, "again", "disk.0");
    must(drv_stage_commit(stage, &error));
    assert_tree(&place, "a=old b=old disk.0=newer link->old");
    g_clear_pointer(&stage, drv_stage_free);
    assert_clean(&place);
}

static void
test_put_many(void)
{
    PLACE();
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvStage) stage = open_stage(&place, "x");

    plan_several(stage);
    must(drv_stage_commit(stage, &error));
    g_clear_pointer(&stage, drv_stage_free);
    assert_tree(&place, AFTER_SEVERAL);
    assert_clean(&place);
}

static void
test_discard(void)
{
    PLACE();
    g_autoptr(DrvStage) stage = open_stage(&place, "x");

    plan_several(stage);
    g_clear_pointer(&stage, drv_stage_free);
    assert_tree(&place, BEFORE);
    assert_clean(&place);
}

static void
test_take_absent(void)
{
    PLACE();
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvStage) stage = open_stage(&place, "x");

    drv_stage_remove(stage, "nothing");
    drv_stage_remove(stage, "no/such");
    drv_stage_remove(stage, "a");
    must(drv_stage_commit(stage, &error));
    must(drv_stage_commit(stage, &error)); /* an empty plan */
    g_clear_pointer(&stage, drv_stage_free);
    assert_tree(&place, "b=old link->old");
}

/* What cannot be put is no reason to take or put anything. */
static void
test_undo(void)
{
    PLACE();
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvStage) stage = open_stage(&place, "x");

    make_file(stage, "n1", "new");
    make_file(stage, "n2", "new");
    drv_stage_remove(stage, "a");
    drv_stage_publish(stage, "n1", "c");
    drv_stage_publish(stage, "n2", "no-directory/d");
    g_assert_false(drv_stage_commit(stage, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_NOT_FOUND);
    g_clear_pointer(&stage, drv_stage_free);
    assert_tree(&place, BEFORE);
    assert_clean(&place);
}

/* With a file replaced there is no way back: who comes next finishes it, once it can. */
static void
test_no_way_back(void)
{
    PLACE();
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvStage) stage = open_stage(&place, "x");

    make_file(stage, "n1", "new");
    make_file(stage, "n2", "new");
    drv_stage_publish(stage, "n1", "a");
    drv_stage_publish(stage, "n2", "directory/d");
    g_assert_false(drv_stage_commit(stage, &error));
    assert_error_text(error, DRV_ERROR_NOT_FOUND, "will complete this");
    g_clear_error(&error);
    g_clear_pointer(&stage, drv_stage_free);
    g_assert_null(drv_stage_open(place.fd, place.dir, "x", &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_NOT_FOUND);
    g_assert_cmpint(mkdirat(place.fd, "directory", 0755), ==, 0);
    stage = open_stage(&place, "x");
    g_clear_pointer(&stage, drv_stage_free);
    assert_tree(&place, "a=new b=old directory/ directory/d=new link->old");
    assert_clean(&place);
}

/* A plan that cannot be read may be half done: nothing is thrown away for it. */
static void
test_damaged_plan(gconstpointer text)
{
    PLACE();
    g_autofree char *directory = g_build_filename(place.dir, ".drv-x", NULL);
    g_autofree char *plan = g_build_filename(directory, "plan", NULL);
    g_autofree char *kept = g_build_filename(directory, "taken.0", NULL);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(g_mkdir(directory, 0755), ==, 0);
    g_assert_true(g_file_set_contents(kept, "precious", -1, NULL));
    if (text)
        g_assert_true(g_file_set_contents(plan, text, -1, NULL));
    else
        g_assert_cmpint(g_mkdir(plan, 0755), ==, 0);
    g_assert_null(drv_stage_open(place.fd, place.dir, "x", &error));
    g_assert_nonnull(error);
    g_assert_true(g_file_test(kept, G_FILE_TEST_EXISTS));
    drv_stage_sweep(place.fd, place.dir);
    g_assert_true(g_file_test(kept, G_FILE_TEST_EXISTS));
}

/* --- names -----------------------------------------------------------------------------
 */

static void
test_names(void)
{
    static const guint lengths[] = { 1, 250, 251, 255 };

    for (guint i = 0; i < G_N_ELEMENTS(lengths); i++) {
        PLACE();
        g_autofree char *key = g_strnfill(lengths[i], 'k');
        g_autoptr(GError) error = NULL;
        g_autoptr(DrvStage) stage = open_stage(&place, key);

        make_file(stage, "new", "new");
        drv_stage_publish(stage, "new", key);
        must(drv_stage_commit(stage, &error));
        g_clear_pointer(&stage, drv_stage_free);
        g_assert_true(drv_path_exists(place.fd, key));
        assert_clean(&place);
    }
}

/* Names with line breaks and %-signs come back from the plan as they went in. */
static void
test_hostile_names(void)
{
    static const char hostile[] = "a\nput\n%41 $(id)\xff";
    PLACE();
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvStage) stage = open_stage(&place, hostile);

    g_assert_cmpint(linkat(place.fd, "b", place.fd, hostile, 0), ==, 0);
    make_file(stage, "%0a\n", "new");
    drv_stage_remove(stage, hostile);
    drv_stage_publish(stage, "%0a\n", "c\n%0a");
    must(drv_stage_commit(stage, &error));
    g_clear_pointer(&stage, drv_stage_free);
    g_assert_false(drv_path_exists(place.fd, hostile));
    g_assert_true(drv_path_exists(place.fd, "c\n%0a"));
    assert_clean(&place);
}

/* A link of the stage's name leads nobody away, and neither does one on the way. */
static void
test_planted_links(void)
{
    PLACE();
    g_autoptr(Scratch) other = scratch_new();
    g_autofree char *file = g_build_filename(other, "file", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvStage) stage = NULL;

    g_assert_true(g_file_set_contents(file, "keep", -1, NULL));
    g_assert_cmpint(symlinkat(other, place.fd, ".drv-x"), ==, 0);
    g_assert_cmpint(symlinkat(other, place.fd, "y.snap"), ==, 0);
    g_assert_null(drv_stage_open(place.fd, place.dir, "x", &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_REFUSED);
    g_clear_error(&error);
    drv_stage_sweep(place.fd, place.dir);
    stage = open_stage(&place, "y");
    make_file(stage, "new", "new");
    drv_stage_publish(stage, "new", "y.snap/file");
    g_assert_false(drv_stage_commit(stage, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_REFUSED);
    g_clear_error(&error);
    drv_stage_remove(stage, "y.snap/file");
    g_assert_false(drv_stage_commit(stage, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_REFUSED);
    assert_file(other, "file", "keep");
}

static void
test_parts(void)
{
    PLACE();
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvStage) stage = open_stage(&place, "x");
    g_autofree char *path = g_build_filename(place.dir, ".drv-x", NULL);
    struct stat one, two;

    g_assert_cmpstr(drv_stage_path(stage), ==, path);
    g_assert_cmpint(fstat(drv_stage_fd(stage), &one), ==, 0);
    g_assert_cmpint(stat(path, &two), ==, 0);
    g_assert_cmpuint(one.st_ino, ==, two.st_ino);
    make_file(stage, "new", "");
    g_assert_cmpint(drv_stage_create(stage, "new", &error), ==, -1);
    g_assert_error(error, DRV_ERROR, DRV_ERROR_EXISTS);
    g_clear_error(&error);
    must(drv_stage_link(stage, "link", "some where\n", &error));
    g_assert_false(drv_stage_link(stage, "link", "x", &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_EXISTS);
}

/* --- stopping --------------------------------------------------------------------------
 */

static void
test_cancelled_commit(void)
{
    const struct timespec now = { 0, 0 };
    PLACE();
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvStage) stage = open_stage(&place, "x");
    sigset_t set;

    plan_several(stage);
    raise(SIGTERM);
    g_assert_false(drv_stage_commit(stage, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_CANCELLED);
    g_clear_pointer(&stage, drv_stage_free);
    assert_tree(&place, BEFORE);
    assert_clean(&place);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    g_assert_cmpint(sigtimedwait(&set, NULL, &now), ==, SIGTERM);
}

/* --- fresh names -----------------------------------------------------------------------
 */

static void
put_fresh(DrvStage *stage)
{
    g_autoptr(GError) error = NULL;

    make_file(stage, "new", "new");
    drv_stage_publish(stage, "new", "fresh");
    must(drv_stage_commit(stage, &error));
}

static void
test_fresh(void)
{
    PLACE();
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvStage) stage = open_fresh(&place, "fresh");

    put_fresh(stage);
    drv_stage_leave_to_answer(g_steal_pointer(&stage));
    g_assert_true(drv_answer_is_held());
    must(drv_answer_prepare(&error));
    drv_stage_sweep(place.fd, place.dir); /* its owner lives */
    must(drv_answer_keep(&error));
    assert_tree(&place, "a=old b=old fresh=new link->old");
    assert_clean(&place);
    g_assert_null(drv_stage_open_unpublished(place.fd, place.dir, "fresh", &error));
    assert_error_text(error, DRV_ERROR_EXISTS, "/fresh' already exists");
    assert_clean(&place);
}

/* The answer could not be written. */
static void
test_fresh_unanswered(void)
{
    PLACE();
    g_autoptr(GError) error = NULL;
    DrvStage *stage = open_fresh(&place, "fresh");

    put_fresh(stage);
    drv_stage_leave_to_answer(stage);
    must(drv_answer_prepare(&error));
    assert_tree(&place, "a=old b=old fresh=new link->old");
    drv_answer_drop();
    assert_tree(&place, BEFORE);
    assert_clean(&place);
}

static void
test_fresh_unfinished(void)
{
    PLACE();
    g_autoptr(DrvStage) stage = open_fresh(&place, "fresh");

    put_fresh(stage);
    drv_stage_sweep(place.fd, place.dir); /* its owner lives */
    assert_tree(&place, "a=old b=old fresh=new link->old");
    g_clear_pointer(&stage, drv_stage_free);
    assert_tree(&place, BEFORE);
    assert_clean(&place);
}

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    stage_tests_begin("LOCK_TIMEOUT=1\n");
    g_test_add_func("/stage/put-one", test_put_one);
    g_test_add_func("/stage/put-many", test_put_many);
    g_test_add_func("/stage/discard", test_discard);
    g_test_add_func("/stage/take-absent", test_take_absent);
    g_test_add_func("/stage/undo", test_undo);
    g_test_add_func("/stage/no-way-back", test_no_way_back);
    g_test_add_data_func("/stage/plan/cut", "put\nname", test_damaged_plan);
    g_test_add_data_func("/stage/plan/no-target", "take\na\n", test_damaged_plan);
    g_test_add_data_func("/stage/plan/no-verb", "nonsense\na\nb\n", test_damaged_plan);
    g_test_add_data_func("/stage/plan/unreadable", NULL, test_damaged_plan);
    g_test_add_func("/stage/names", test_names);
    g_test_add_func("/stage/hostile-names", test_hostile_names);
    g_test_add_func("/stage/planted-links", test_planted_links);
    g_test_add_func("/stage/parts", test_parts);
    g_test_add_func("/stage/cancelled-commit", test_cancelled_commit);
    g_test_add_func("/stage/fresh", test_fresh);
    g_test_add_func("/stage/fresh-unanswered", test_fresh_unanswered);
    g_test_add_func("/stage/fresh-unfinished", test_fresh_unfinished);
    status = g_test_run();
    stage_tests_end();
    return status;
}
