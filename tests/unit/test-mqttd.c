/* SPDX-License-Identifier: Apache-2.0 */
/* drv-mqttd without its broker: documents, tasks, the plan of an evacuation, the spool,
 * answers.
 */
#include <string.h>

#include "agent/mqttd/answer.h"
#include "agent/mqttd/message.h"
#include "agent/mqttd/plan.h"
#include "agent/mqttd/spool.h"
#include "agent/mqttd/transfer.h"
#include "scratch.h"

/* --- documents -------------------------------------------------------------------------
 */

static void
assert_refused(const char *text, gsize size, const char *why)
{
    g_autoptr(Node) root = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_false(node_read(text, size, &root, &error));
    g_assert_nonnull(strstr(error->message, why));
}

static void
test_limits(void)
{
    g_autoptr(GString) deep = g_string_new(NULL);
    g_autoptr(GString) wide = g_string_new("[");
    g_autofree char *large = g_strnfill(NODE_MAX_SIZE + 1, 'x');

    for (guint i = 0; i < 5000; i++)
        g_string_append_c(deep, '[');
    for (guint i = 0; i <= NODE_MAX_NODES; i++)
        g_string_append(wide, "1,");
    g_string_append_c(wide, ']');
    assert_refused(deep->str, deep->len, "nested too deeply");
    assert_refused(wide->str, wide->len, "too many values");
    assert_refused(large, strlen(large), "bytes");
    assert_refused("a: &x [1]\nb: *x\n", 16, "line 2: aliases are not accepted");
    assert_refused("a: 1\nb: 2\na: 3\n", 15, "line 3: the key 'a' is there twice");
    assert_refused("? [a]\n: 1\n", 10, "a key has to be text");
    assert_refused("\"a\\0b\"", 6, "NUL");
    assert_refused("a: b: c", 7, "line 1");
    assert_refused("", 0, "empty");
}

static void
test_paths(void)
{
    static const char text[] = "list:\n  - vm-name: a\n  - vm_name: b\n";
    g_autoptr(Node) root = NULL;
    const Node *list, *name;
    g_autofree char *path = NULL;

    g_assert_true(node_read(text, strlen(text), &root, NULL));
    list = node_find(root, "list");
    name = node_find(g_ptr_array_index(list->items, 1), "vm-name");
    path = node_path(name);
    g_assert_cmpstr(path, ==, "list[1].vm_name");
    g_assert_cmpint(name->line, ==, 3);
}

/* --- tasks -----------------------------------------------------------------------------
 */

static Message *
read_message(const char *text, GError **error)
{
    return message_read(text, strlen(text), error);
}

static void
test_wrong_tasks(void)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        { "id: 7\n", "Parsed message not being a Task_container." },
        { "id: 7\ntask: dance\n", "Unknown type of Task" },
        { "id: 7\ntask: stop vm\nlist: []\n", "Empty task container executed." },
        { "id: 7\ntask: stop vm\n", "Empty task container executed." },
        { "id: 7\ntask: stop vm\nlist: [1]\n", "'list[0]' has to be a map" },
        { "id: 7\ntask: stop vm\nlist: [{}]\n", "list[0].vm-name is missing" },
        { "id: 7\ntask: start vm\nlist:\n- vm-name: a\n  memory: much\n",
          "'list[0].memory' has to be a number from 1" },
        { "id: 7\ntask: start vm\nlist:\n- vm-name: a\n  pci-ids: [{vendor: 0x1}]\n",
          "'list[0].pci-ids[0]' has to have a vendor and a device" },
        { "id: 7\ntask: start vm\nlist:\n- vm-name: a\n"
          "  pci-ids: [{vendor: 0x15b3, device: 0x10000}]\n",
          "'list[0].pci-ids[0].device' has to be a hexadecimal number" },
        { "id: 7\ntask: start vm\nlist:\n- vm-name: a\n  ivshmem: {id: a, size: 1}\n",
          "'list[0].ivshmem' is not supported" },
        { "id: 7\ntask: start vm\nlist:\n- vm-name: a\n  transient: true\n",
          "'transient' needs" },
        { "id: 7\ntask: migrate vm\nvm-name: a\n", "destination is missing" },
        { "id: 7\ntask: migrate vm\nvm-name: a\ndestination: -oProxyCommand=x\n",
          "'destination' has to be a host's name" },
        { "id: 7\ntask: migrate vm\nvm-name: a\ndestination: b\n"
          "parameter: {migration-type: hot}\n",
          "'parameter.migration-type' has to be one of warm, live, offline" },
        { "id: 7\ntask: evacuate node\ndestinations: [a, 'b?command=c']\n", "hosts" },
        { "id: 7\ntask: repin vm\nvm-name: a\nvcpu-map: [[x]]\n", "'vcpu-map[0][0]'" },
        { "id: 7\ntask: quit\nconcurrent-execution: maybe\n", "has to be true or false" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Message) message = read_message(rows[i].text, &error);

        g_assert_nonnull(error);
        if (strstr(error->message, rows[i].why) == NULL)
            g_error("%s: %s", rows[i].text, error->message);
        g_assert_cmpstr(message->id, ==, "7");
    }
}

/* The id is echoed also when what follows it is not YAML. */
static void
test_id_of_a_broken_document(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Message) message = read_message("id: abc\ntask: [\n", &error);

    g_assert_nonnull(error);
    g_assert_cmpstr(message->id, ==, "abc");
    g_assert_cmpint(message->kind, ==, TASK_UNKNOWN);
}

static void
test_migrate(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Message) message = read_message(
        "host: a\ntask: migrate vm\nid: \"5\"\nname: web\ndestination: b\n"
        "time-measurement: yes\nparameter:\n  retry-counter: 2\n  migration-type: live\n"
        "  pscom-hook-procs: auto\n  vcpu-map: [[4], [5, 6]]\n  swap-with: db\n",
        &error);
    const Item *item;

    g_assert_no_error(error);
    item = g_ptr_array_index(message->items, 0);
    g_assert_cmpstr(item->name, ==, "web");
    g_assert_cmpint(item->retries, ==, 2);
    g_assert_cmpint(item->type, ==, MIGRATE_LIVE);
    g_assert_cmpint(item->procs, ==, PROCS_AUTO);
    g_assert_cmpstr(json_object_to_json_string_ext(item->cpus, JSON_C_TO_STRING_PLAIN),
                    ==,
                    "[[4],[5,6]]");
    g_assert_cmpstr(item->swap->name, ==, "db");
    g_assert_true(item->measure && message->id_quoted);
}

/* Spellings of older clients. */
static void
test_old_spellings(void)
{
    g_autoptr(Message) first = read_message("task: migrate vm\nname: a\ndestination: b\n"
                                            "parameter: {retry_counter: 3, "
                                            "live-migration: true}\n",
                                            NULL);
    g_autoptr(Message) second = read_message(
        "task: stop vm\nvm-configurations: [{name: a, force: true}]\n", NULL);
    g_autoptr(Message) third =
        read_message("task: start vm\nvm-configuration:\n  vm-name: a\n", NULL);
    const Item *item = g_ptr_array_index(first->items, 0);

    g_assert_cmpint(item->retries, ==, 3);
    g_assert_cmpint(item->type, ==, MIGRATE_LIVE);
    item = g_ptr_array_index(second->items, 0);
    g_assert_true(item->force);
    item = g_ptr_array_index(third->items, 0);
    g_assert_cmpstr(item->name, ==, "a");
    g_assert_true(item->probe);
}

/* As lspci and as C write them; what is asked for with nothing in it is not asked for. */
static void
test_pci_ids(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Message) message =
        read_message("task: start vm\nvm-configurations:\n- vm-name: a\n  devs: []\n"
                     "  ivshmem: {}\n  memnode-map: ''\n  base-name:\n"
                     "  pci-ids:\n  - {vendor: 0x15b3, device: 1004}\n"
                     "- vm-name: b\n  pci-ids: []\n",
                     &error);
    const Item *item;

    g_assert_no_error(error);
    item = g_ptr_array_index(message->items, 0);
    g_assert_cmpuint(item->pci_ids->len, ==, 1);
    g_assert_cmpint(g_array_index(item->pci_ids, PciId, 0).vendor, ==, 0x15b3);
    g_assert_cmpint(g_array_index(item->pci_ids, PciId, 0).device, ==, 0x1004);
    item = g_ptr_array_index(message->items, 1);
    g_assert_cmpuint(item->pci_ids->len, ==, 0);
}

/* The form that the framework's hosts have: the host's name, and -ib. */
static void
test_uris(void)
{
    char suffix[] = "-ib", driver[] = "qemu", transport[] = "ssh";
    Config config = { .rdma_suffix = suffix, .driver = driver, .transport = transport };
    g_autofree char *rdma = transfer_rdma_uri(&config, "node2.example");
    g_autofree char *plain = transfer_uri(&config, NULL, "node2.example");
    g_autofree char *tcp = transfer_uri(&config, "tcp", "node2");

    g_assert_cmpstr(rdma, ==, "rdma://node2.example-ib");
    g_assert_cmpstr(plain, ==, "qemu+ssh://node2.example/system");
    g_assert_cmpstr(tcp, ==, "qemu+tcp://node2/system");
}

/* --- the plan --------------------------------------------------------------------------
 */

/* The table of the field's own framework; hosts are "ABC" with these capacities. */
static void
test_plan(void)
{
    static const struct {
        EvacuateMode mode;
        gboolean overbooking;
        gint64 capacity[3];
        const char *placement;
    } rows[] = {
        { MODE_COMPACT, FALSE, { 2, 1, 3 }, "AABCCC--" },
        { MODE_COMPACT, TRUE, { 2, 1, 3 }, "AABCCCAB" },
        { MODE_COMPACT, FALSE, { 0, -1, 1 }, "C-------" },
        { MODE_COMPACT, TRUE, { 0, 1, 1 }, "ABCABCAB" },
        { MODE_SCATTER, FALSE, { 2, 1, 3 }, "ABCACC--" },
        { MODE_SCATTER, TRUE, { 2, 1, 3 }, "ABCABCAB" },
        { MODE_AUTO, FALSE, { 2, 1, 3 }, "CACABC--" },
        { MODE_AUTO, TRUE, { 1, 0, 2 }, "CACABCAB" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        PlanHost hosts[3];
        int placement[8];
        char text[9] = "";

        for (guint k = 0; k < 3; k++)
            hosts[k] = (PlanHost){ "x", rows[i].capacity[k] };
        plan_evacuation(rows[i].mode, rows[i].overbooking, hosts, 3, 8, placement);
        for (guint k = 0; k < 8; k++)
            text[k] = placement[k] == PLAN_NONE ? '-' : (char)('A' + placement[k]);
        g_test_message("row %u", i);
        g_assert_cmpstr(text, ==, rows[i].placement);
    }
}

static void
test_plan_without_hosts(void)
{
    int placement[2];

    plan_evacuation(MODE_AUTO, TRUE, NULL, 0, 2, placement);
    g_assert_cmpint(placement[0], ==, PLAN_NONE);
    g_assert_cmpint(placement[1], ==, PLAN_NONE);
}

/* --- the spool -------------------------------------------------------------------------
 */

static Spool *
open_spool(const char *directory)
{
    g_autoptr(GError) error = NULL;
    Spool *spool = spool_open(directory, 7, 100, &error);

    g_assert_no_error(error);
    return spool;
}

static char *
accept_task(Spool *spool, const char *id, SpoolAccept expected)
{
    g_autoptr(GError) error = NULL;
    char *name;

    g_assert_cmpint(spool_accept(spool, id, "x", 1, &name, &error), ==, expected);
    return name;
}

static void
test_spool(void)
{
    g_autoptr(Scratch) directory = scratch_new();
    g_autofree char *path = g_build_filename(directory, "spool", NULL);
    g_autoptr(Spool) spool = open_spool(path);
    g_autofree char *first = accept_task(spool, "a", SPOOL_NEW);
    g_autofree char *nothing = accept_task(spool, "a", SPOOL_RUNNING);
    g_autofree char *no_id = accept_task(spool, NULL, SPOOL_NEW);
    g_autofree char *other = accept_task(spool, NULL, SPOOL_NEW);
    g_autofree char *again = NULL;
    g_autofree char *text = NULL;
    gsize size;

    g_assert_null(nothing);
    g_assert_cmpstr(no_id, !=, other);
    g_assert_null(spool_open(path, 7, 100, NULL)); /* it is locked */
    g_assert_true(spool_finish(spool, first, "answer", NULL));
    spool_sent(spool, first);
    again = accept_task(spool, "a", SPOOL_FINISHED);
    g_assert_cmpstr(again, ==, first);
    g_assert_true(spool_result(spool, again, &text, &size, NULL));
    g_assert_cmpstr(text, ==, "answer");
}

/* Whatever a killed process left: a task is answered once. */
static void
test_spool_after_a_kill(void)
{
    g_autoptr(Scratch) directory = scratch_new();
    g_autofree char *path = g_build_filename(directory, "spool", NULL);
    g_autoptr(Spool) spool = open_spool(path);
    g_autofree char *done = accept_task(spool, "a", SPOOL_NEW);
    g_autofree char *left = accept_task(spool, "b", SPOOL_NEW);
    g_autofree char *task = g_build_filename(path, "tasks", done, NULL);
    g_autofree char *half = g_build_filename(path, "tasks", "0007~", NULL);
    g_autoptr(GPtrArray) waiting = NULL;
    g_autoptr(GPtrArray) unsent = NULL;
    g_autofree char *next = NULL;

    g_assert_true(spool_finish(spool, done, "answer", NULL));
    g_assert_true(
        g_file_set_contents(task, "x", 1, NULL)); /* killed before its removal */
    g_assert_true(
        g_file_set_contents(half, "x", 1, NULL)); /* killed while it was written */
    spool_close(g_steal_pointer(&spool));
    spool = open_spool(path);
    waiting = spool_waiting(spool);
    unsent = spool_unsent(spool);
    g_assert_cmpuint(waiting->len, ==, 1);
    g_assert_cmpstr(g_ptr_array_index(waiting, 0), ==, left);
    g_assert_cmpuint(unsent->len, ==, 1);
    g_assert_false(g_file_test(half, G_FILE_TEST_EXISTS));
    next = accept_task(spool, "c", SPOOL_NEW);
    g_assert_cmpstr(next, >, left);
}

static void
test_spool_forgets(void)
{
    g_autoptr(Scratch) directory = scratch_new();
    g_autofree char *path = g_build_filename(directory, "spool", NULL);
    g_autoptr(Spool) spool = spool_open(path, 7, 1, NULL);
    g_autofree char *name = NULL;

    for (char id[] = "a"; *id < 'd'; ++*id) {
        g_autofree char *one = accept_task(spool, id, SPOOL_NEW);

        g_assert_true(spool_finish(spool, one, "answer", NULL));
        spool_sent(spool, one);
    }
    name = accept_task(spool, "a", SPOOL_NEW); /* no longer known */
    g_assert_nonnull(name);
}

/* --- answers ---------------------------------------------------------------------------
 */

static void
assert_answer(AnswerForm form, TaskKind kind, const char *expected)
{
    char hostname[] = "h", id[] = "12";
    Config config = { .form = (int)form, .hostname = hostname };
    Message message = { .kind = kind, .id = id };
    g_autoptr(GPtrArray) outcomes =
        g_ptr_array_new_with_free_func((GDestroyNotify)outcome_free);
    Outcome *outcome = outcome_new("12", NULL);
    g_autofree char *text = NULL;

    outcome->retries = 1;
    outcome->times = json_object_new_object();
    json_object_object_add(outcome->times, "overall", json_object_new_string("1.500000"));
    g_ptr_array_add(outcomes, outcome);
    text = answer_text(&config, &message, outcomes, NULL);
    g_assert_cmpstr(text, ==, expected);
}

static void
test_answers(void)
{
    assert_answer(FORM_RICH,
                  TASK_MIGRATE,
                  "---\nresult: vm migrated\nvm-name: '12'\nstatus: success\ndetails: 1\n"
                  "time-measurement:\n  overall: 1.500000\nhost: h\nid: 12\n");
    assert_answer(FORM_DOCUMENTED,
                  TASK_REPIN,
                  "---\nresult: vm repinned\nvm-name: '12'\nstatus: success\ndetails: 1\n"
                  "time-measurement:\n- overall: 1.500000\nhost: h\nid: 12\n");
    assert_answer(FORM_CODED,
                  TASK_REPIN,
                  "---\nresult: vm repinned\nlist:\n- vm-name: '12'\n  status: success\n"
                  "  time-measurement:\n    overall: 1.500000\nid: 12\n---");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mqttd/limits", test_limits);
    g_test_add_func("/mqttd/paths", test_paths);
    g_test_add_func("/mqttd/wrong-tasks", test_wrong_tasks);
    g_test_add_func("/mqttd/id-of-a-broken-document", test_id_of_a_broken_document);
    g_test_add_func("/mqttd/migrate", test_migrate);
    g_test_add_func("/mqttd/old-spellings", test_old_spellings);
    g_test_add_func("/mqttd/pci-ids", test_pci_ids);
    g_test_add_func("/mqttd/uris", test_uris);
    g_test_add_func("/mqttd/plan", test_plan);
    g_test_add_func("/mqttd/plan-without-hosts", test_plan_without_hosts);
    g_test_add_func("/mqttd/spool", test_spool);
    g_test_add_func("/mqttd/spool-after-a-kill", test_spool_after_a_kill);
    g_test_add_func("/mqttd/spool-forgets", test_spool_forgets);
    g_test_add_func("/mqttd/answers", test_answers);
    return g_test_run();
}
