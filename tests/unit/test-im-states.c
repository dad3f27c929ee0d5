/* SPDX-License-Identifier: Apache-2.0 */
/* What the front-end is told of VMs' states, from libvirt's lists and events. */
#include <string.h>

#include "im/state/states.h"
#include "template.h"
#include "virt/stats.h"

#define U1 "11111111-2222-3333-4444-555500000001"
#define RUNNING "VM = [ ID=\"1\", DEPLOY_ID=\"" U1 "\", STATE=\"RUNNING\" ]\n"
#define POWEROFF "VM = [ ID=\"1\", DEPLOY_ID=\"" U1 "\", STATE=\"POWEROFF\" ]\n"
#define SYNC "SYNC_STATE=yes\nMISSING_STATE=POWEROFF\n"

static const ImStatesHow changes = { FALSE, FALSE, 3 };
static const ImStatesHow sync_all = { TRUE, FALSE, 3 };

/* Compare with a list of one domain, or none for a @name of NULL. */
static char *
compare(ImStates *states, const ImStatesHow *how, const char *name, int state, int reason)
{
    DrvStats vm = { .name = (char *)name, .uuid = U1 };
    g_autoptr(GPtrArray) active = g_ptr_array_new();
    GString *out = g_string_new(NULL);

    vm.state = drv_state_of(state, reason, &vm.pause);
    if (name)
        g_ptr_array_add(active, &vm);
    im_states_compare(states, active, how, out);
    g_assert_true(template_is_good(out->str));
    return g_string_free(out, FALSE);
}

#define assert_told(want, ...)                                                           \
    do {                                                                                 \
        g_autofree char *told = compare(__VA_ARGS__);                                    \
        g_assert_cmpstr(told, ==, want);                                                 \
    } while (0)

static void
test_missing(void)
{
    g_autoptr(ImStates) states = im_states_new();

    assert_told(SYNC RUNNING, states, &sync_all, "one-1", 1, 1);
    assert_told("", states, &changes, "one-1", 1, 1);
    assert_told("", states, &changes, NULL, 0, 0);
    assert_told(SYNC RUNNING, states, &sync_all, NULL, 0, 0);
    assert_told("", states, &changes, "one-1", 1, 1); /* it is back: counted again */
    assert_told("", states, &changes, NULL, 0, 0);
    assert_told("", states, &changes, NULL, 0, 0);
    assert_told(POWEROFF, states, &changes, NULL, 0, 0);
    assert_told("", states, &changes, NULL, 0, 0);
    assert_told(SYNC, states, &sync_all, NULL, 0, 0);
}

static void
test_stopped(void)
{
    g_autoptr(ImStates) states = im_states_new();

    assert_told(RUNNING, states, &changes, "one-1", 1, 1);
    im_states_stopped(states, U1, 1);
    g_assert_true(im_states_is_unsettled(states));
    assert_told("", states, &changes, "one-1", 1, 1); /* libvirt still lists it */
    assert_told(POWEROFF, states, &changes, NULL, 0, 0);
    g_assert_false(im_states_is_unsettled(states));
}

static void
test_restarted(void)
{
    g_autoptr(ImStates) states = im_states_new();

    assert_told(RUNNING, states, &changes, "one-1", 1, 1);
    im_states_stopped(states, U1, 6);
    im_states_started(states, U1);
    g_assert_false(im_states_is_unsettled(states));
    assert_told("", states, &changes, "one-1", 1, 1);
    assert_told("", states, &changes, NULL, 0, 0); /* once is not often enough */
}

/* It goes on elsewhere, or in a file: that is no power-off. */
static void
test_moved(gconstpointer detail)
{
    g_autoptr(ImStates) states = im_states_new();

    assert_told(RUNNING, states, &changes, "one-1", 1, 1);
    im_states_stopped(states, U1, GPOINTER_TO_INT(detail));
    for (guint i = 0; i < 5; i++)
        assert_told("", states, &changes, NULL, 0, 0);
}

/* A migration that comes in, and fails. */
static void
test_arriving(void)
{
    g_autoptr(ImStates) states = im_states_new();

    assert_told("", states, &changes, "one-1", 3, 2);
    im_states_stopped(states, U1, 5);
    assert_told("", states, &changes, NULL, 0, 0);
    assert_told("", states, &changes, "one-1", 3, 11);
    assert_told(RUNNING, states, &changes, "one-1", 1, 1);
}

/* One that comes in with its disks is paused until it is known to have left the other
 * host: that is not told, but a pause later is.
 */
static void
test_waiting(void)
{
    g_autoptr(ImStates) states = im_states_new();

    assert_told("", states, &changes, "one-1", 3, 2);
    g_assert_false(im_states_is_unsettled(states));
    assert_told("", states, &changes, "one-1", 3, 1);
    g_assert_true(im_states_is_unsettled(states));
    assert_told(RUNNING, states, &changes, "one-1", 1, 1);
    g_assert_false(im_states_is_unsettled(states));
    assert_told("VM = [ ID=\"1\", DEPLOY_ID=\"" U1 "\", STATE=\"SUSPENDED\" ]\n",
                states,
                &changes,
                "one-1",
                3,
                1);
}

static void
test_foreign(void)
{
    static const ImStatesHow with = { FALSE, TRUE, 3 };
    g_autoptr(ImStates) states = im_states_new();

    assert_told(SYNC, states, &sync_all, "web", 1, 1);
    assert_told("VM = [ ID=\"-1\", DEPLOY_ID=\"" U1 "\", STATE=\"RUNNING\" ]\n",
                states,
                &with,
                "web",
                1,
                1);
}

static const char *
word_of(int number, int reason)
{
    DrvPause pause;
    DrvDomainState state = drv_state_of(number, reason, &pause);

    return drv_state_word(state, pause);
}

/* Letters of the old form go with the words. */
static void
test_letters(void)
{
    g_assert_cmpint(drv_state_letter(DRV_STATE_RUNNING, DRV_PAUSE_NONE, FALSE), ==, 'a');
    g_assert_cmpint(drv_state_letter(DRV_STATE_PAUSED, DRV_PAUSE_USER, FALSE), ==, 'e');
    g_assert_cmpint(drv_state_letter(DRV_STATE_PAUSED, DRV_PAUSE_USER, TRUE), ==, 'a');
    g_assert_cmpint(drv_state_letter(DRV_STATE_PAUSED, DRV_PAUSE_SAVE, FALSE), ==, 'a');
    g_assert_cmpint(drv_state_letter(DRV_STATE_CRASHED, DRV_PAUSE_NONE, TRUE), ==, 'e');
    g_assert_cmpint(drv_state_letter(DRV_STATE_OFF, DRV_PAUSE_NONE, FALSE), ==, 'd');
}

static void
test_words(void)
{
    static const struct {
        int state, reason;
        const char *word;
    } cases[] = {
        { 1, 1, "RUNNING" },  { 2, 0, "RUNNING" },   { 4, 1, "RUNNING" },
        { 6, 1, "FAILURE" },  { 7, 1, "SUSPENDED" }, { 3, 1, "SUSPENDED" },
        { 3, 2, "RUNNING" },  { 3, 3, "RUNNING" },   { 3, 11, "RUNNING" },
        { 3, 5, "FAILURE" },  { 3, 6, "FAILURE" },   { 3, 0, "FAILURE" },
        { 3, 13, "FAILURE" }, { 3, 4, "UNKNOWN" },   { 3, 12, "UNKNOWN" },
        { 3, 9, "UNKNOWN" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpstr(word_of(cases[i].state, cases[i].reason), ==, cases[i].word);
}

static void
test_file(void)
{
    g_autoptr(ImStates) states = im_states_new();
    g_autoptr(ImStates) again = im_states_new();
    g_autofree char *text = NULL;

    assert_told(RUNNING, states, &changes, "one-1", 1, 1);
    assert_told("", states, &changes, NULL, 0, 0);
    text = im_states_to_text(states);
    im_states_from_text(again, text);
    im_states_from_text(again, "nonsense\nU x y z\n");
    assert_told("", again, &changes, NULL, 0, 0);
    assert_told(POWEROFF, again, &changes, NULL, 0, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/im/states/missing", test_missing);
    g_test_add_func("/im/states/stopped", test_stopped);
    g_test_add_func("/im/states/restarted", test_restarted);
    g_test_add_data_func("/im/states/migrated", GINT_TO_POINTER(3), test_moved);
    g_test_add_data_func("/im/states/saved", GINT_TO_POINTER(4), test_moved);
    g_test_add_func("/im/states/arriving", test_arriving);
    g_test_add_func("/im/states/waiting", test_waiting);
    g_test_add_func("/im/states/foreign", test_foreign);
    g_test_add_func("/im/states/words", test_words);
    g_test_add_func("/im/states/letters", test_letters);
    g_test_add_func("/im/states/file", test_file);
    return g_test_run();
}
