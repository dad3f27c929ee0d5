/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's core without its loop: HTTP, JSON-RPC, XML-RPC, records, files, updates. */
#include "agent/agentd/methods.h"
#include "base/json.h"
#include "scratch.h"

/* --- HTTP ------------------------------------------------------------------------------
 */

static void
test_http(void)
{
    static const struct {
        const char *text;
        int status;
        gsize body;
        gboolean keep_alive;
    } rows[] = {
        { "POST / HTTP/1.1\r\nContent-Length: 7\r\n\r\n", 200, 7, TRUE },
        { "POST /x HTTP/1.0\r\ncontent-length:  7 \r\n\r\n", 200, 7, FALSE },
        { "POST / HTTP/1.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
          200,
          0,
          FALSE },
        { "POST / HTTP/1.1\r\nContent-Length: 7\r\n\r", 0, 0, FALSE },
        { "POST / HTTP/1.1\r\n\r\n", 411, 0, TRUE },
        { "GET / HTTP/1.1\r\n\r\n", 404, 0, TRUE },
        { "POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", 413, 1048577, TRUE },
        { "POST / HTTP/1.1\r\nContent-Length: 7\r\nContent-Length: 7\r\n\r\n",
          400,
          7,
          TRUE },
        { "POST / HTTP/1.1\r\nContent-Length: +7\r\n\r\n", 400, 0, TRUE },
        { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411, 0, TRUE },
        { "POST / HTTP/1.1\r\n: no name\r\n\r\n", 400, 0, TRUE },
        { "POST / HTTP/1.1 x\r\n\r\n", 400, 0, FALSE },
        { "\r\n\r\n", 400, 0, FALSE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        HttpRequest request;

        g_test_message("%s", rows[i].text);
        g_assert_cmpint(
            http_parse(rows[i].text, strlen(rows[i].text), &request), ==, rows[i].status);
        if (rows[i].status != 200)
            continue;
        g_assert_cmpuint(request.body, ==, rows[i].body);
        g_assert_cmpuint(request.head, ==, strlen(rows[i].text));
        g_assert_true(request.keep_alive == rows[i].keep_alive);
    }
}

static void
test_http_nul(void)
{
    static const char text[] = "POST / HTTP/1.1\r\nA: \0\r\nContent-Length: 0\r\n\r\n";
    HttpRequest request;

    g_assert_cmpint(http_parse(text, sizeof text - 1, &request), ==, 400);
}

/* --- JSON and XML ----------------------------------------------------------------------
 */

static void
test_json(void)
{
    static const char *const bad[] = { "",         "{",   "{} {}", "{\"a\":\"\xff\"}",
                                       "nonsense", "[1,2" };
    const char *why;
    json_object *document = agent_json_read(" {\"a\":[1]} \n", 12, AGENT_MAX_DEPTH, &why);
    g_autoptr(GString) deep = g_string_new(NULL);

    g_assert_null(why);
    g_assert_true(json_object_is_type(document, json_type_object));
    json_object_put(document);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_null(agent_json_read(bad[i], strlen(bad[i]), AGENT_MAX_DEPTH, &why));
        g_assert_nonnull(why);
    }
    for (guint i = 0; i < 100000; i++)
        g_string_append_c(deep, '[');
    g_assert_null(agent_json_read(deep->str, deep->len, AGENT_MAX_DEPTH, &why));
    g_assert_nonnull(why);
}

static void
check_call(const char *text, gboolean ok, Form form, const char *args)
{
    const char *why, *method = NULL;
    json_object *document = agent_json_read(text, strlen(text), AGENT_MAX_DEPTH, &why),
                *given = NULL, *id;
    Form found;

    g_test_message("%s", text);
    g_assert_true(json_call(document, &found, &method, &given, &id) == ok);
    if (ok) {
        g_assert_cmpint(found, ==, form);
        g_assert_cmpstr(method, ==, "m");
        g_assert_cmpstr(
            json_object_to_json_string_ext(given, JSON_C_TO_STRING_PLAIN), ==, args);
    }
    json_object_put(given);
    json_object_put(document);
}

static void
test_json_call(void)
{
    check_call(
        "{\"method\":\"m\",\"params\":[{\"a\":1}],\"id\":1}", TRUE, FORM_V1, "{\"a\":1}");
    check_call("{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{\"a\":1}}",
               TRUE,
               FORM_V2,
               "{\"a\":1}");
    check_call("{\"method\":\"m\",\"params\":[]}", TRUE, FORM_V1, "{}");
    check_call("{\"method\":\"m\",\"params\":[null]}", TRUE, FORM_V1, "{}");
    check_call("{\"method\":\"m\",\"params\":[{\"a\":1},7]}", TRUE, FORM_V1, "{\"a\":1}");
    check_call(
        "{\"method\":\"m\",\"params\":[\"d\",null]}", TRUE, FORM_V1, "[\"d\",null]");
    check_call("{\"method\":\"m\"}", TRUE, FORM_V1, "{}");
    check_call("{\"method\":7}", FALSE, FORM_V1, NULL);
    check_call("[]", FALSE, FORM_V1, NULL);
    check_call("null", FALSE, FORM_V1, NULL);
}

static void
check_xml(const char *value, const char *json)
{
    g_autofree char *text =
        g_strdup_printf("<methodCall><methodName>m</methodName><params>"
                        "<param>%s</param></params></methodCall>",
                        value);
    g_autofree char *method = NULL;
    json_object *args = NULL;
    const char *why;
    gboolean ok = xml_call(text, strlen(text), &method, &args, &why);

    g_test_message("%s", value);
    g_assert_true(ok == (json != NULL));
    if (ok)
        g_assert_cmpstr(
            json_object_to_json_string_ext(args, JSON_C_TO_STRING_PLAIN), ==, json);
    else
        g_assert_nonnull(why);
    json_object_put(args);
}

static void
test_xml(void)
{
    check_xml("<value>text</value>", "\"text\"");
    check_xml("<value><string> a&lt;b </string></value>", "\" a<b \"");
    check_xml("<value><int> -7 </int></value>", "-7");
    check_xml("<value><i8>1099511627776</i8></value>", "1099511627776");
    check_xml("<value><boolean>1</boolean></value>", "true");
    check_xml("<value><nil/></value>", "null");
    check_xml("<value><array><data><value><i4>1</i4></value></data></array></value>",
              "[1]");
    check_xml(
        "<value><struct><member><name>a</name><value>b</value></member></struct></value>",
        "{\"a\":\"b\"}");
    check_xml("<value><int>7x</int></value>", NULL);
    check_xml("<value><boolean>yes</boolean></value>", NULL);
    check_xml("<value><base64>AA==</base64></value>", NULL);
    check_xml("<value><struct><member><value>b</value></member></struct></value>", NULL);
    check_xml("<value>", NULL);
}

/* --- records ---------------------------------------------------------------------------
 */

static void
check_record(Class class, const char *json, const char *wrong)
{
    json_object *given = json_tokener_parse(json), *record;
    g_autofree char *why = NULL;

    record = record_complete(class, given, &why);
    g_test_message("%s", json);
    g_assert_true((record == NULL) == (wrong != NULL));
    if (wrong)
        g_assert_nonnull(strstr(why, wrong));
    json_object_put(record);
    json_object_put(given);
}

static void
test_record(void)
{
    check_record(CLASS_VM, "{\"id\":\"a\"}", NULL);
    check_record(CLASS_VM, "{\"ID\":\"a\",\"VCPUS\":\"3\",\"generation_id\":null}", NULL);
    check_record(CLASS_VM, "{}", "'id' is missing");
    check_record(CLASS_VM, "{\"id\":\"\"}", "'id' has to be of 1 to 80");
    check_record(CLASS_VM, "{\"id\":\"a\\u0000b\"}", "'id'");
    check_record(CLASS_VM, "{\"id\":\"a\",\"vcpus\":\"many\"}", "'vcpus' is not an int");
    check_record(CLASS_VM, "[]", "not an object");
    check_record(CLASS_VBD, "{\"id\":[\"a\",\"b\"]}", NULL);
    check_record(CLASS_VBD, "{\"id\":[\"a\"]}", "'id'");
    check_record(CLASS_VBD, "{\"id\":[\"a\",7]}", "'id'");
    check_record(CLASS_PCI, "{\"id\":[\"a\",\"b\"]}", "'address' is missing");
}

/* --- the host --------------------------------------------------------------------------
 */

static void
check_cpus(const char *cpuinfo, const char *wanted)
{
    static const char *const keys[] = { "cpu_count", "socket_count", "threads_per_core",
                                        "nr_nodes",  "vendor",       "modelname",
                                        "features",  "features_pv" };
    json_object *info = cpu_info_of(cpuinfo, 2);
    g_autoptr(GString) found = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
        g_string_append_printf(found,
                               "%s%s",
                               i ? "|" : "",
                               json_object_get_string(drv_json_member(info, keys[i])));
    json_object_put(info);
    g_assert_cmpstr(found->str, ==, wanted);
}

static void
test_cpus(void)
{
    static const char two_sockets[] =
        "processor\t: 0\nvendor_id\t: V\nmodel\t\t: 17\nmodel name\t: M  N\n"
        "physical id\t: 0\nsiblings\t: 4\ncpu cores\t: 2\nflags\t\t: fpu vme\n\n"
        "processor\t: 1\nphysical id\t: 1\nsiblings\t: 4\nflags\t\t: other\n";

    check_cpus(two_sockets, "2|2|2|2|V|M  N|fpu vme|");
    check_cpus("processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp\n", "1|1|1|2||||");
    check_cpus("siblings : 0\ncpu cores : -1\nprocessor", "0|1|1|2||||");
    check_cpus("", "0|1|1|2||||");
}

/* --- files -----------------------------------------------------------------------------
 */

static GString *loaded;

static void
take(Agent *agent, const char *name, json_object *object)
{
    (void)agent;
    g_string_append_printf(
        loaded, "%s=%s ", name, json_object_to_json_string_ext(object, 0));
    json_object_put(object);
}

static void
flip(const char *path, gsize at)
{
    g_autofree char *text = NULL;
    gsize size;

    g_assert_true(g_file_get_contents(path, &text, &size, NULL));
    text[at] ^= 1;
    g_assert_true(g_file_set_contents(path, text, (gssize)size, NULL));
}

static void
test_store(void)
{
    char *directory = scratch_new();
    g_autofree char *name = store_name("vm", "a/..,b", NULL);
    g_autofree char *path = g_build_filename(directory, "objects", name, NULL);
    g_autofree char *aside = g_build_filename(directory, "damaged", name, NULL);
    Agent agent = { .directory = directory };
    json_object *object = json_tokener_parse("{\"a\":\"/\"}");
    g_autoptr(GError) error = NULL;

    g_assert_null(strpbrk(name, "/")); /* nor anything else that leaves the directory */
    agent.damaged = g_ptr_array_new_with_free_func(g_free);
    loaded = g_string_new(NULL);
    g_assert_true(store_open(&agent, &error));
    g_assert_true(store_put(&agent, "objects", name, object, &error));
    g_assert_true(store_load(&agent, "objects", take, &error));
    g_assert_cmpstr(loaded->str, ==, "vm,a%2F..%2Cb={\"a\":\"\\/\"} ");
    for (gsize at = 0; at < 8; at++) {
        g_string_truncate(loaded, 0);
        g_assert_true(store_put(&agent, "objects", name, object, &error));
        flip(path, at * 11);
        g_assert_true(store_load(&agent, "objects", take, &error));
        g_assert_nonnull(strstr(loaded->str, "=null"));
        g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
        g_assert_true(g_file_test(aside, G_FILE_TEST_EXISTS));
    }
    json_object_put(object);
    g_ptr_array_unref(agent.damaged);
    g_string_free(loaded, TRUE);
    scratch_remove(directory);
}

/* --- updates ---------------------------------------------------------------------------
 */

static char *
ids_after(Agent *agent, gint64 token, gint64 *next)
{
    Call call = { .agent = agent, .args = json_object_new_object() };
    json_object *answer;
    char *text;

    json_object_object_add(call.args, "last_id", json_object_new_int64(token));
    json_object_object_add(call.args, "timeout", json_object_new_int(0));
    answer = updates_get(&call);
    *next = json_object_get_int64(json_object_array_get_idx(answer, 2));
    text = g_strdup(json_object_to_json_string_ext(json_object_array_get_idx(answer, 1),
                                                   JSON_C_TO_STRING_PLAIN));
    json_object_put(answer);
    json_object_put(call.args);
    return text;
}

static void
test_updates(void)
{
    Agent agent = { .instance = 7 };
    gint64 start, end;
    g_autofree char *none = NULL;
    g_autofree char *some = NULL;
    g_autofree char *removed = NULL;

    agent.changed = g_hash_table_new(g_str_hash, g_str_equal);
    g_free(ids_after(&agent, 0, &start));
    none = ids_after(&agent, start, &end);
    g_assert_cmpstr(none, ==, "[]");
    for (guint i = 0; i < 1000; i++)
        updates_changed(&agent, CLASS_VM, i % 2 ? "a" : "b", NULL);
    updates_changed(&agent, CLASS_VBD, "a", "xvda");
    updates_changed(&agent, CLASS_VM, "b", NULL);
    some = ids_after(&agent, start, &end);
    g_assert_cmpstr(
        some, ==, "[[\"Vm\",\"a\"],[\"Vbd\",[\"a\",\"xvda\"]],[\"Vm\",\"b\"]]");
    g_assert_cmpuint(agent.changes.length, ==, 3);
    /* Tombstones are bounded, and who has a token from before them is told all. */
    for (guint i = 0; i < AGENT_MAX_TOMBSTONES + 10; i++) {
        g_autofree char *id = g_strdup_printf("gone%u", i);

        updates_removed(&agent, CLASS_VM, id, NULL);
    }
    g_assert_cmpuint(agent.tombstones, ==, AGENT_MAX_TOMBSTONES);
    g_assert_cmpuint(agent.changes.length, ==, AGENT_MAX_TOMBSTONES + 3);
    removed = ids_after(&agent, end, &start);
    g_assert_nonnull(strstr(removed, "[\"Vm\",\"a\"]"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agentd/http", test_http);
    g_test_add_func("/agentd/http-nul", test_http_nul);
    g_test_add_func("/agentd/json", test_json);
    g_test_add_func("/agentd/json-call", test_json_call);
    g_test_add_func("/agentd/xml", test_xml);
    g_test_add_func("/agentd/record", test_record);
    g_test_add_func("/agentd/cpus", test_cpus);
    g_test_add_func("/agentd/store", test_store);
    g_test_add_func("/agentd/updates", test_updates);
    return g_test_run();
}
