/* SPDX-License-Identifier: Apache-2.0 */
/* Stages of several processes, and of ones that die at any moment. */
#include <errno.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/cancel.h"
#include "base/path.h"
#include "image/relink.h"
#include "stage.h"

/* --- processes -------------------------------------------------------------------------
 */

/* A child that has done its part and then waits, holding what it holds. */
typedef struct {
    pid_t pid;
    int said; /* readable once it is ready */
} Other;

#define OTHER(place, code)                                                               \
    ({                                                                                   \
        Other other_started = other_start();                                             \
        if (other_started.pid == 0) {                                                    \
            code;                                                                        \
            other_wait(&other_started);                                                  \
        }                                                                                \
        other_ready(&other_started);                                                     \
        other_started;                                                                   \
    })

static Other
other_start(void)
{
    int ends[2];
    Other other;

    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    other.pid = fork();
    if (other.pid == 0) /* a test that fails must not leave it, with our stdout */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    other.said = other.pid == 0 ? ends[1] : ends[0];
    close(other.pid == 0 ? ends[0] : ends[1]);
    return other;
}

static G_GNUC_NORETURN void
other_wait(Other *other)
{
    g_assert_cmpint(write(other->said, "x", 1), ==, 1);
    for (;;)
        pause();
}

static void
other_ready(Other *other)
{
    char byte;

    g_assert_cmpint(read(other->said, &byte, 1), ==, 1);
    close(other->said);
}

static void
other_kill(Other *other)
{
    kill(other->pid, SIGKILL);
    g_assert_cmpint(waitpid(other->pid, NULL, 0), ==, other->pid);
}

/* --- contention ------------------------------------------------------------------------
 */

#define PROCESSES 6
#define ROUNDS 20

static void
count_up(const Place *place)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvStage) stage = open_stage(place, "a");
    g_autofree char *path = g_build_filename(place->dir, "a", NULL);
    g_autofree char *text = NULL;
    g_autofree char *next = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    next = g_strdup_printf("%d", atoi(text) + 1);
    make_file(stage, "new", next);
    drv_stage_publish(stage, "new", "a");
    must(drv_stage_commit(stage, &error));
}

static void
test_contention(void)
{
    PLACE();
    g_autofree char *wanted = g_strdup_printf("%d", PROCESSES * ROUNDS);
    pid_t children[PROCESSES];

    put_file(&place, "a", "0\n\n");
    for (guint i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            for (guint k = 0; k < ROUNDS; k++)
                count_up(&place);
            _exit(0);
        }
    }
    for (guint i = 0; i < PROCESSES; i++) {
        int status;

        g_assert_cmpint(waitpid(children[i], &status, 0), ==, children[i]);
        g_assert_cmpint(status, ==, 0);
    }
    assert_file(place.dir, "a", wanted);
    assert_clean(&place);
}

static void
test_busy(void)
{
    PLACE();
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvStage) stage = NULL;
    g_autoptr(DrvStage) another = open_stage(&place, "another");
    gint64 start = g_get_monotonic_time();
    Other holder = OTHER(place, plan_several(open_stage(&place, "x")));

    stage_tests_conf("LOCK_TIMEOUT=1\n");
    g_assert_null(drv_stage_open(place.fd, place.dir, "x", &error));
    stage_tests_conf("");
    assert_error_text(
        error, DRV_ERROR_BUSY, "/.drv-x' has been locked by another driver");
    g_assert_cmpint(g_get_monotonic_time() - start, >=, G_USEC_PER_SEC);
    drv_stage_sweep(place.fd, place.dir); /* leaves the living alone, and does not wait */
    assert_tree(&place, BEFORE);
    g_assert_true(drv_path_exists(place.fd, ".drv-x/n1"));
    other_kill(&holder);
    stage = open_stage(&place, "x");
    g_assert_false(drv_path_exists(place.fd, ".drv-x/n1"));
    g_clear_pointer(&stage, drv_stage_free);
    g_clear_pointer(&another, drv_stage_free);
    assert_tree(&place, BEFORE);
    assert_clean(&place);
}

static gpointer
stop_main(gpointer data)
{
    kill(getpid(), SIGTERM);
    return data;
}

static void
test_cancelled_wait(void)
{
    const struct timespec now = { 0, 0 };
    PLACE();
    g_autoptr(GError) error = NULL;
    Other holder = OTHER(place, open_stage(&place, "x"));
    GThread *other = g_thread_new("stop", stop_main, NULL);
    sigset_t set;

    g_assert_null(drv_stage_open(place.fd, place.dir, "x", &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_CANCELLED);
    g_thread_join(other);
    other_kill(&holder);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    g_assert_cmpint(sigtimedwait(&set, NULL, &now), ==, SIGTERM);
}

/* --- death and errors at every step ----------------------------------------------------
 */

static int
change_one(const Place *place, GError **error)
{
    g_autoptr(DrvStage) stage = drv_stage_open(place->fd, place->dir, "a", error);
    g_auto(DrvFd) fd = stage ? drv_stage_create(stage, "new", error) : -1;

    if (fd < 0 || !drv_fd_write_all(fd, "new", 3, "it", error))
        return 1;
    drv_stage_publish(stage, "new", "a");
    return drv_stage_commit(stage, error) ? 0 : 1;
}

/* As plan_several(), but every failure is an ordinary one. */
static int
change_several(const Place *place, GError **error)
{
    g_autoptr(DrvStage) stage = drv_stage_open(place->fd, place->dir, "x", error);
    g_auto(DrvFd) one = stage ? drv_stage_create(stage, "n1", error) : -1;
    g_auto(DrvFd) two = one < 0 ? -1 : drv_stage_create(stage, "n2", error);
    g_auto(DrvFd) directory =
        two < 0 ? -1 : drv_path_make_beneath(drv_stage_fd(stage), place->dir, "f", error);
    g_auto(DrvFd) three = directory < 0 ? -1 : drv_stage_create(stage, "f/x", error);

    if (three < 0 || !drv_fd_write_all(one, "new", 3, "it", error) ||
        !drv_fd_write_all(two, "new", 3, "it", error) ||
        !drv_fd_write_all(three, "new", 3, "it", error) ||
        !drv_stage_link(stage, "l", "new", error))
        return 1;
    drv_stage_remove(stage, "b");
    drv_stage_publish(stage, "f", "directory");
    drv_stage_publish(stage, "l", "link");
    drv_stage_publish(stage, "n1", "a");
    drv_stage_publish(stage, "n2", "new");
    return drv_stage_commit(stage, error) ? 0 : 1;
}

static int
change_fresh(const Place *place, GError **error)
{
    g_autoptr(DrvStage) stage =
        drv_stage_open_unpublished(place->fd, place->dir, "fresh", error);
    g_auto(DrvFd) fd = stage ? drv_stage_create(stage, "new", error) : -1;

    if (fd < 0 || !drv_fd_write_all(fd, "new", 3, "it", error))
        return 1;
    drv_stage_publish(stage, "new", "fresh");
    if (!drv_stage_commit(stage, error))
        return 1;
    drv_stage_leave_to_answer(g_steal_pointer(&stage));
    return drv_action_reply("fresh");
}

static const struct {
    const char *name;
    int (*change)(const Place *place, GError **error);
    const char *after;
} changes[] = {
    { "one", change_one, "a=new b=old link->old" },
    { "several", change_several, AFTER_SEVERAL },
    { "fresh", change_fresh, "a=old b=old fresh=new link->old" },
};

/* We, run by fault: --change NAME DIRECTORY. */
static int
change_main(const char *name, char *dir)
{
    Place place = { dir, open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
    const char *self[] = { "/nowhere/tm/qcow2/clone", NULL };
    g_autoptr(GError) error = NULL;

    drv_action_init(1, (char **)self);
    for (guint i = 0; i < G_N_ELEMENTS(changes); i++) {
        if (g_str_equal(changes[i].name, name))
            return changes[i].change(&place, &error);
    }
    return 99;
}

/* Run the change with the @n-th call going wrong.  Returns its status; *hit tells whether
 * there were so many, *answered whether all of an answer came.
 */
static int
run_change(const Place *place,
           const char *name,
           const char *how,
           guint n,
           gboolean *hit,
           gboolean *answered)
{
    g_autofree char *exe = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *units = g_path_get_dirname(exe);
    g_autofree char *tests = g_path_get_dirname(units);
    g_autofree char *fault = g_build_filename(tests, "fault", NULL);
    g_autofree char *count = g_strconcat(place->dir, ".count", NULL);
    g_autofree char *real = realpath(place->dir, NULL);
    g_autoptr(DrvCmd) cmd = drv_cmd_new(fault, "-o", "-p", real, "-c", count, NULL);
    g_autoptr(GString) answer = g_string_new(NULL);
    g_auto(DrvChild) child = DRV_CHILD_INIT;
    g_autofree char *counted = NULL;
    g_autoptr(GError) error = NULL;
    int status;

    if (g_str_equal(how, "kill")) {
        drv_cmd_arg(cmd, "-k");
    } else {
        drv_cmd_arg(cmd, "-e");
        drv_cmd_arg(cmd, how);
    }
    drv_cmd_env(cmd, "ASAN_OPTIONS", "detect_leaks=0"); /* it cannot while traced */
    drv_cmd_arg(cmd, "-n");
    drv_cmd_argf(cmd, "%u", n);
    drv_cmd_arg(cmd, exe);
    drv_cmd_arg(cmd, "--change");
    drv_cmd_arg(cmd, name);
    drv_cmd_arg(cmd, place->dir);
    must(drv_cmd_spawn(cmd, &child, &error));
    must(drv_fd_read_all(child.stdout_fd, answer, 100, "the answer", &error));
    *answered = g_str_has_suffix(answer->str, "\n");
    must(drv_cmd_child_wait(&child, 60000, &status, &error));
    g_assert_true(g_file_get_contents(count, &counted, NULL, NULL));
    g_remove(count);
    *hit = (guint)atoi(counted) >= n;
    g_assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Whoever comes next sees all of it or nothing, and nothing besides. */
static void
test_every_step(const char *how)
{
    for (guint i = 0; i < G_N_ELEMENTS(changes); i++) {
        gboolean hit = TRUE, answered;
        guint n = 0, before = 0, after = 0;

        while (hit) {
            PLACE();
            int status = run_change(&place, changes[i].name, how, ++n, &hit, &answered);
            g_autofree char *tree = NULL;

            drv_stage_sweep(place.fd, place.dir);
            tree = tree_of(&place);
            assert_clean(&place);
            if (status == 0 || !g_str_equal(tree, BEFORE))
                g_assert_cmpstr(tree, ==, changes[i].after);
            if (g_str_equal(changes[i].name, "fresh")) /* what is named stays */
                g_assert_cmpint(answered, ==, !g_str_equal(tree, BEFORE));
            if (g_str_equal(tree, BEFORE))
                before++;
            else
                after++;
            g_assert_true(hit || status == 0);
        }
        g_test_message(
            "%s: %u steps, %u before, %u after", changes[i].name, n, before, after);
        g_assert_cmpuint(n, >, 5);
        g_assert_cmpuint(before, >, 0);
        g_assert_cmpuint(after, >, 0);
    }
}

static void
test_kill(void)
{
    test_every_step("kill");
}

static void
test_io_error(void)
{
    test_every_step("EIO");
}

static void
test_disk_full(void)
{
    test_every_step("ENOSPC");
}

/* --- fresh names -----------------------------------------------------------------------
 */

static void
put_fresh(const Place *place)
{
    g_autoptr(GError) error = NULL;
    DrvStage *stage = open_fresh(place, "fresh");

    make_file(stage, "new", "new");
    drv_stage_publish(stage, "new", "fresh");
    must(drv_stage_commit(stage, &error));
}

static void
test_fresh_alive(void)
{
    PLACE();
    Other owner = OTHER(place, put_fresh(&place));

    drv_stage_sweep(place.fd, place.dir);
    assert_tree(&place, "a=old b=old fresh=new link->old");
    other_kill(&owner);
    drv_stage_sweep(place.fd, place.dir);
    assert_tree(&place, BEFORE);
    assert_clean(&place);
}

/* After a crash of the machine the note proves nothing: the image stays. */
static void
test_fresh_other_boot(void)
{
    PLACE();
    Other owner = OTHER(place, put_fresh(&place));

    other_kill(&owner);
    put_file(&place, ".drv-fresh.new", "0123-of-another-run");
    drv_stage_sweep(place.fd, place.dir);
    assert_tree(&place, "a=old b=old fresh=new link->old");
    assert_clean(&place);
}

static void
test_sweep(void)
{
    PLACE();
    Other one = OTHER(place, plan_several(open_stage(&place, "x")));
    Other two = OTHER(place, plan_several(open_stage(&place, "y")));
    Other alive = OTHER(place, plan_several(open_stage(&place, "z")));
    g_autofree char *path = g_build_filename(place.dir, ".drv-not-a-directory", NULL);

    other_kill(&one);
    other_kill(&two);
    g_assert_true(g_file_set_contents(path, "x", -1, NULL));
    drv_stage_sweep(place.fd, place.dir);
    g_assert_false(drv_path_exists(place.fd, ".drv-x"));
    g_assert_false(drv_path_exists(place.fd, ".drv-y"));
    g_assert_true(drv_path_exists(place.fd, ".drv-z/n1"));
    other_kill(&alive);
    drv_stage_sweep(place.fd, place.dir);
    g_assert_false(drv_path_exists(place.fd, ".drv-z"));
    drv_stage_sweep(9999, "/nowhere"); /* says so, and that is all */
    g_assert_cmpint(mkfifoat(place.fd, ".drv-pipe.new", 0600), ==, 0);
    drv_stage_sweep(place.fd, place.dir); /* does not wait for its end */
    g_assert_cmpint(faccessat(place.fd, ".drv-pipe.new", F_OK, 0), ==, 0);
}

/* --- promises --------------------------------------------------------------------------
 */

typedef enum { LINKED, IN_USE, WRITTEN, ABSENT, UNTOUCHED } After;

static const struct {
    const char *name;
    After after;
    const char *tree;
} promises[] = {
    { "linked", LINKED, "a=old b=old link->overlay overlay=empty" },
    { "in-use", IN_USE, "a=old b=old link->overlay overlay=empty" },
    { "written", WRITTEN, "a=old b=old link->overlay overlay=empty and more" },
    { "absent", ABSENT, BEFORE },
    { "untouched", UNTOUCHED, BEFORE },
};

static void
promise(const Place *place)
{
    g_autofree char *path = g_build_filename(place->dir, "overlay", NULL);
    g_autoptr(GError) error = NULL;
    DrvStage *stage = open_stage(place, "x");
    g_auto(DrvFd) fd = -1;

    make_file(stage, "new", "empty");
    fd = openat(drv_stage_fd(stage), "new", O_RDONLY | O_CLOEXEC);
    must(drv_relink_intend(stage, fd, path, "link", "overlay", &error));
    drv_stage_publish(stage, "new", "overlay");
    must(drv_stage_commit(stage, &error));
}

/* As QEMU does: a shared lock on one byte, by the open file. */
static void
lock_byte(const Place *place)
{
    struct flock lock = {
        .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 101, .l_len = 1
    };
    int fd = openat(place->fd, "overlay", O_RDWR | O_CLOEXEC);

    g_assert_cmpint(fcntl(fd, F_OFD_SETLK, &lock), ==, 0);
}

static void
test_promise(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    PLACE();
    g_autoptr(DrvStage) stage = NULL;
    Other owner = OTHER(place, promise(&place));
    Other user = { 0, -1 };

    other_kill(&owner);
    switch (promises[i].after) {
    case LINKED:
        g_assert_cmpint(unlinkat(place.fd, "link", 0), ==, 0);
        g_assert_cmpint(symlinkat("overlay", place.fd, "link"), ==, 0);
        break;
    case IN_USE:
        user = OTHER(place, lock_byte(&place));
        break;
    case WRITTEN:
        put_file(&place, "overlay", "empty and more");
        break;
    case ABSENT:
        g_assert_cmpint(unlinkat(place.fd, "overlay", 0), ==, 0);
        break;
    case UNTOUCHED:
    default:
        break;
    }
    stage = open_stage(&place, "x");
    assert_tree(&place, promises[i].tree);
    g_clear_pointer(&stage, drv_stage_free);
    assert_tree(&place, promises[i].tree);
    assert_clean(&place);
    if (user.pid)
        other_kill(&user);
}

static void
test_promise_ends(gconstpointer leave)
{
    PLACE();
    g_autofree char *path = g_build_filename(place.dir, "b", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvStage) stage = open_stage(&place, "x");
    g_auto(DrvFd) fd = openat(place.fd, "b", O_RDONLY | O_CLOEXEC);

    must(drv_relink_intend(stage, fd, path, "link", "b", &error));
    if (leave)
        drv_stage_leave(stage);
    else
        must(drv_relink_forget(stage, &error));
    g_clear_pointer(&stage, drv_stage_free);
    assert_tree(&place, BEFORE);
    stage = open_stage(&place, "x"); /* b is untouched and not in use */
    assert_tree(&place, leave ? "a=old link->old" : BEFORE);
    g_clear_pointer(&stage, drv_stage_free);
    assert_clean(&place);
}

/* A program that does not know what it means leaves it to one that does. */
static void
test_promise_unknown(void)
{
    PLACE();
    g_autofree char *path = g_build_filename(place.dir, "b", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvStage) stage = open_stage(&place, "x");
    g_auto(DrvFd) fd = openat(place.fd, "b", O_RDONLY | O_CLOEXEC);

    must(drv_relink_intend(stage, fd, path, "link", "b", &error));
    drv_stage_leave(stage);
    g_clear_pointer(&stage, drv_stage_free);
    drv_stage_set_settle(NULL);
    g_assert_null(drv_stage_open(place.fd, place.dir, "x", &error));
    assert_error_text(error, DRV_ERROR_UNSUPPORTED, "cannot settle a promise");
    drv_stage_set_settle(drv_relink_settle);
    assert_tree(&place, BEFORE);
    stage = open_stage(&place, "x");
    assert_tree(&place, "a=old link->old");
}

/* A note that somebody else wrote, of a file elsewhere. */
static void
test_promise_planted(void)
{
    static const char *const paths[] = { "%s/b",
                                         "%s/x/../b",
                                         "%s/1/image.snap/x",
                                         "%s/1/x/image.snap/5",
                                         "%s/1/image.snap/5" };
    PLACE();
    g_autoptr(Scratch) outside = scratch_new();
    g_autofree char *victim = g_build_filename(outside, "b", NULL);

    g_assert_true(g_file_set_contents(victim, "kept", -1, NULL));
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_auto(GStrv) parts = g_strsplit(paths[i], "%s", 2);
        g_autofree char *path = g_strjoinv(outside, parts);
        g_autoptr(GError) error = NULL;
        g_autoptr(DrvStage) stage = open_stage(&place, "x");
        g_auto(DrvFd) fd = g_open(victim, O_RDONLY | O_CLOEXEC, 0);

        must(drv_relink_intend(stage, fd, path, "link", "b", &error));
        drv_stage_leave(stage);
        g_clear_pointer(&stage, drv_stage_free);
        g_assert_null(drv_stage_open(place.fd, place.dir, "x", &error));
        assert_error_text(error, DRV_ERROR_REFUSED, "which does not belong to it");
        g_assert_true(g_file_test(victim, G_FILE_TEST_EXISTS));
        g_clear_error(&error);
        must(drv_path_remove_tree(place.fd, place.dir, ".drv-x", &error));
    }
    assert_tree(&place, BEFORE);
}

int
main(int argc, char **argv)
{
    int status;

    if (argc == 4 && g_str_equal(argv[1], "--change"))
        return change_main(argv[2], argv[3]);
    drv_stage_set_settle(drv_relink_settle);
    g_test_init(&argc, &argv, NULL);
    stage_tests_begin("");
    g_test_add_func("/stage-crash/contention", test_contention);
    g_test_add_func("/stage-crash/busy", test_busy);
    g_test_add_func("/stage-crash/cancelled-wait", test_cancelled_wait);
    g_test_add_func("/stage-crash/every-step/kill", test_kill);
    g_test_add_func("/stage-crash/every-step/io-error", test_io_error);
    g_test_add_func("/stage-crash/every-step/disk-full", test_disk_full);
    g_test_add_func("/stage-crash/fresh/alive", test_fresh_alive);
    g_test_add_func("/stage-crash/fresh/other-boot", test_fresh_other_boot);
    g_test_add_func("/stage-crash/sweep", test_sweep);
    for (guint i = 0; i < G_N_ELEMENTS(promises); i++) {
        g_autofree char *name =
            g_strconcat("/stage-crash/promise/", promises[i].name, NULL);

        g_test_add_data_func(name, GUINT_TO_POINTER(i), test_promise);
    }
    g_test_add_data_func("/stage-crash/promise/forgotten", NULL, test_promise_ends);
    g_test_add_data_func("/stage-crash/promise/left", "yes", test_promise_ends);
    g_test_add_func("/stage-crash/promise/planted", test_promise_planted);
    g_test_add_func("/stage-crash/promise/unknown", test_promise_unknown);
    status = g_test_run();
    stage_tests_end();
    return status;
}
