/* SPDX-License-Identifier: Apache-2.0 */
/* test-core.c - questions over real HTTP to tests/lab/fake-core, and its faults. */
#include <signal.h>
#include <string.h>

#include "base/action.h"
#include "base/cancel.h"
#include "request/core.h"
#include "scratch.h"
#include "transport/bridge.h"

static struct {
    Scratch *dir;
    DrvChild child;
    char *url;
    char *far_url; /* the same by libcurl, as it is for addresses with a user */
} lab = { .child = DRV_CHILD_INIT };

/* --- the lab ---------------------------------------------------------------------------
 */

static char *
in_lab(const char *name)
{
    return g_build_filename(lab.dir, name, NULL);
}

static void
write_lab(const char *name, const char *text)
{
    g_autofree char *path = in_lab(name);
    g_autofree char *directory = g_path_get_dirname(path);

    g_assert_cmpint(g_mkdir_with_parents(directory, 0755), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void
set_fault(const char *fault)
{
    g_autofree char *path = in_lab("core/fault");

    if (fault)
        write_lab("core/fault", fault);
    else
        g_remove(path);
}

static char *
requests(void)
{
    g_autofree char *path = in_lab("core/requests");
    char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        text = g_strdup("");
    g_remove(path);
    return text;
}

/* The port is in the file once it is renamed into place. */
static guint
await_port(const char *path)
{
    gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
    g_autofree char *text = NULL;

    while (!g_file_get_contents(path, &text, NULL, NULL)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_assert_cmpint(drv_poll(NULL, 0, 10, NULL), ==, 0);
    }
    return (guint)g_ascii_strtoull(text, NULL, 10);
}

static void
start_lab(void)
{
    g_autofree char *core = NULL;
    g_autofree char *port = NULL;
    g_autofree char *auth = NULL;
    g_autofree char *tools = NULL;
    g_autofree char *remotes = NULL;
    g_autofree char *path = NULL;
    g_autoptr(DrvCmd) cmd = NULL;
    g_autoptr(GError) error = NULL;

    lab.dir = scratch_new();
    core = in_lab("core");
    port = in_lab("port");
    auth = in_lab("auth");
    tools = in_lab("tools");
    remotes = in_lab("remotes/tm/qcow2/clone");
    write_lab("core/vm/25.xml", "<VM><ID>25</ID><NAME>a &amp; 'b' €</NAME></VM>");
    write_lab("core/host/0.xml", "<HOST><NAME>up</NAME><STATE>2</STATE></HOST>");
    write_lab("core/host/1.xml", "<HOST><NAME>off</NAME><STATE>8</STATE></HOST>");
    write_lab("core/host/2.xml", "<HOST><NAME>err</NAME><STATE>3</STATE></HOST>");
    write_lab("core/host/3.xml", "<HOST><NAME>new</NAME><STATE>1</STATE></HOST>");
    write_lab("remotes/etc/one-native.conf", "CORE_TIMEOUT=2\n");
    write_lab("auth", "oneadmin:open<nebula>&'\"\n");
    write_lab("tools/none", "");
    cmd = drv_cmd_new("python3",
                      "tests/lab/fake-core",
                      "--port",
                      "0",
                      "--port-file",
                      port,
                      "--auth",
                      "oneadmin:open<nebula>&'\"",
                      core,
                      NULL);
    must(drv_cmd_spawn(cmd, &lab.child, &error));
    lab.url = g_strdup_printf("http://127.0.0.1:%u/RPC2", await_port(port));
    lab.far_url = g_strconcat("http://user@", lab.url + strlen("http://"), NULL);
    path = g_strconcat(tools, ":", g_getenv("PATH"), NULL);
    g_setenv("PATH", path, TRUE);
    g_setenv("HOME", lab.dir, TRUE);
    g_setenv("ONE_AUTH", auth, TRUE);
    g_setenv("ONE_XMLRPC", lab.url, TRUE);
    drv_action_init(1, &remotes);
}

static void
stop_lab(void)
{
    drv_cmd_child_clear(&lab.child);
    g_free(lab.url);
    g_free(lab.far_url);
    scratch_remove(lab.dir);
}

/* --- answers ---------------------------------------------------------------------------
 */

static void
assert_name(DrvDump *dump, const char *xpath, const char *wanted)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_nonnull(dump);
    must(drv_dump_value(dump, xpath, &text, &error));
    g_assert_cmpstr(text, ==, wanted);
}

static void
test_answers(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvDump) vm = drv_core_info(DRV_CORE_VM, 25, &error);
    g_autoptr(DrvDump) pool = drv_core_info(DRV_CORE_HOST_POOL, 99, &error);
    g_autoptr(DrvDump) host = drv_core_info(DRV_CORE_HOST, 1, &error);
    g_autofree char *asked = requests();

    g_assert_no_error(error);
    assert_name(vm, "NAME", "a & 'b' €");
    assert_name(pool, "HOST[STATE=8]/NAME", "off");
    assert_name(host, "NAME", "off");
    g_assert_cmpstr(asked, ==, "one.vm.info 25\none.hostpool.info\none.host.info 1\n");
}

static void
test_no_object(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(drv_core_info(DRV_CORE_DATASTORE, 7, &error));
    assert_error_text(
        error, DRV_ERROR_NOT_FOUND, "oned: [one.datastore.info] Error getting datastore");
}

/* --- faults ----------------------------------------------------------------------------
 */

static const struct {
    const char *fault;
    DrvErrorCode code;
    const char *message;
} faults[] = {
    { "down", DRV_ERROR_CORE, "cannot ask oned: " },
    { "hang", DRV_ERROR_CORE, "cannot ask oned: " },
    { "garbage", DRV_ERROR_CORE, "oned" },
    { "truncated", DRV_ERROR_CORE, "oned" },
    { "http 503", DRV_ERROR_CORE, "answered HTTP 503" },
    { "auth", DRV_ERROR_CORE, "oned: [one.vm.info] User couldn't be authenticated" },
    { "error database is locked", DRV_ERROR_CORE, "oned: [one.vm.info] database is" },
};

static void
check_fault(guint i, const char *url)
{
    gint64 start = g_get_monotonic_time();
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvDump) vm = NULL;

    g_setenv("ONE_XMLRPC", url, TRUE);
    set_fault(faults[i].fault);
    g_assert_null(drv_core_info(DRV_CORE_VM, 25, &error));
    assert_error_text(error, faults[i].code, faults[i].message);
    g_assert_null(strstr(error->message, "nebula"));
    g_assert_cmpint(g_get_monotonic_time() - start, <, 10 * G_USEC_PER_SEC);
    set_fault(NULL);
    g_clear_error(&error);
    vm = drv_core_info(DRV_CORE_VM, 25, &error);
    g_setenv("ONE_XMLRPC", lab.url, TRUE);
    assert_name(vm, "ID", "25");
}

static void
test_fault(gconstpointer data)
{
    check_fault(GPOINTER_TO_UINT(data), lab.url);
    check_fault(GPOINTER_TO_UINT(data), lab.far_url);
}

static void
test_slow(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvDump) vm = NULL;

    set_fault("slow 0.5");
    vm = drv_core_info(DRV_CORE_VM, 25, &error);
    set_fault(NULL);
    assert_name(vm, "ID", "25");
}

static gpointer
stop_main(gpointer data)
{
    g_autofree char *path = in_lab("core/requests");

    while (!g_file_test(path, G_FILE_TEST_EXISTS)) /* until the question is there */
        g_usleep(1000);
    kill(getpid(), SIGTERM);
    return data;
}

static void
test_cancelled(gconstpointer by_curl)
{
    const struct timespec now = { 0, 0 };
    gint64 start = g_get_monotonic_time();
    g_autoptr(GError) error = NULL;
    GThread *other;
    sigset_t set;

    g_setenv("ONE_XMLRPC", by_curl ? lab.far_url : lab.url, TRUE);
    set_fault("hang");
    other = g_thread_new("stop", stop_main, NULL);
    g_assert_null(drv_core_info(DRV_CORE_VM, 25, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_CANCELLED);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 1900000); /* not by the time-out */
    g_thread_join(other);
    set_fault(NULL);
    g_setenv("ONE_XMLRPC", lab.url, TRUE);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    g_assert_cmpint(sigtimedwait(&set, NULL, &now), ==, SIGTERM);
}

/* --- settings --------------------------------------------------------------------------
 */

static void
test_files_at_home(void)
{
    g_autofree char *auth = g_strdup(g_getenv("ONE_AUTH"));
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvDump) vm = NULL;

    write_lab(".one/one_auth", "oneadmin:open<nebula>&'\"");
    write_lab(".one/one_endpoint", lab.url);
    g_unsetenv("ONE_AUTH");
    g_unsetenv("ONE_XMLRPC");
    vm = drv_core_info(DRV_CORE_VM, 25, &error);
    g_setenv("ONE_AUTH", auth, TRUE);
    g_setenv("ONE_XMLRPC", lab.url, TRUE);
    assert_name(vm, "ID", "25");
}

static void
test_bad_endpoint(gconstpointer url)
{
    g_autoptr(GError) error = NULL;

    g_setenv("ONE_XMLRPC", url, TRUE);
    g_assert_null(drv_core_info(DRV_CORE_VM, 25, &error));
    g_setenv("ONE_XMLRPC", lab.url, TRUE);
    assert_error_text(error, DRV_ERROR_CORE, "cannot ask oned: ");
}

/* Where nothing listens, or there are no credentials, the command line tool is asked. */
static void
test_tool(void)
{
    g_autofree char *auth = g_strdup(g_getenv("ONE_AUTH"));
    g_autofree char *tool = in_lab("tools/onevm");
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvDump) unreachable = NULL;
    g_autoptr(DrvDump) no_session = NULL;

    write_lab("tools/onevm",
              "#!/bin/sh\necho \"<VM><ID>$3</ID><NAME>$1 $2 $ONE_XMLRPC</NAME></VM>\"\n");
    g_assert_cmpint(g_chmod(tool, 0755), ==, 0);
    g_setenv("ONE_XMLRPC", "http://127.0.0.1:1/RPC2", TRUE);
    unreachable = drv_core_info(DRV_CORE_VM, 26, &error);
    g_assert_no_error(error);
    g_setenv("ONE_XMLRPC", lab.url, TRUE);
    g_setenv("ONE_AUTH", "/no/such/file", TRUE);
    no_session = drv_core_info(DRV_CORE_VM, 27, &error);
    g_remove(tool);
    g_assert_no_error(error);
    assert_name(unreachable, "ID", "26");
    assert_name(unreachable, "NAME", "show -x http://127.0.0.1:1/RPC2");
    assert_name(no_session, "ID", "27");
    g_assert_null(drv_core_info(DRV_CORE_VM, 27, &error));
    g_setenv("ONE_AUTH", auth, TRUE);
    assert_error_text(error, DRV_ERROR_CORE, "no credentials in ONE_AUTH");
}

/* oned says that there is none: nobody else is asked. */
static void
test_no_second_opinion(void)
{
    g_autofree char *tool = in_lab("tools/onevm");
    g_autoptr(GError) error = NULL;

    write_lab("tools/onevm", "#!/bin/sh\necho '<VM/>'\n");
    g_assert_cmpint(g_chmod(tool, 0755), ==, 0);
    g_assert_null(drv_core_info(DRV_CORE_VM, 4711, &error));
    g_remove(tool);
    g_assert_error(error, DRV_ERROR, DRV_ERROR_NOT_FOUND);
}

/* --- bridge hosts ----------------------------------------------------------------------
 */

static const struct {
    const char *bridges;
    guint64 pick;
    const char *wanted;
} choices[] = {
    { "", 5, "" },
    { "up", 7, "up" },
    { "up new other", 0, "up,new,other" },
    { "up new other", 4, "new,other,up" },
    { "off up err new", 1, "new,up" },
    { "off up err new", G_MAXUINT64, "new,up" },
    { "up new other", G_MAXUINT64 - 1, "other,up,new" }, /* 2^64 is not a multiple of 3 */
};

static void
test_bridges(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(choices); i++) {
        g_auto(GStrv) bridges = g_strsplit(choices[i].bridges, " ", -1);
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) hosts =
            drv_bridge_hosts((const char *const *)bridges, choices[i].pick, &error);
        g_autofree char *first =
            drv_bridge_host((const char *const *)bridges, choices[i].pick, &error);
        g_autofree char *joined = NULL;

        g_assert_no_error(error);
        joined = g_strjoinv(",", hosts);
        g_assert_cmpstr(joined, ==, choices[i].wanted);
        g_assert_cmpstr(first, ==, hosts[0]);
    }
}

/* A pool of 1200 hosts with 10 KB each: which one is off is found by both clients. */
static void
test_large_pool(void)
{
    g_autofree char *filler = g_strnfill(10000, 'x');
    const char *const urls[] = { lab.url, lab.far_url };
    static const char *const bridges[] = { "up", "h1199", NULL };

    for (guint i = 100; i < 1300; i++) {
        g_autofree char *name = g_strdup_printf("core/host/%u.xml", i);
        g_autofree char *host =
            g_strdup_printf("<HOST><NAME>h%u</NAME><STATE>%d</STATE><T>%s</T></HOST>",
                            i,
                            i == 1199 ? 8 : 2,
                            filler);

        write_lab(name, host);
    }
    for (guint i = 0; i < G_N_ELEMENTS(urls); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) hosts = NULL;

        g_setenv("ONE_XMLRPC", urls[i], TRUE);
        hosts = drv_bridge_hosts(bridges, 0, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(g_strv_length(hosts), ==, 1);
        g_assert_cmpstr(hosts[0], ==, "up");
    }
    g_setenv("ONE_XMLRPC", lab.url, TRUE);
    for (guint i = 100; i < 1300; i++) {
        g_autofree char *name = g_strdup_printf("core/host/%u.xml", i);
        g_autofree char *path = in_lab(name);

        g_remove(path);
    }
}

static void
test_no_bridge(void)
{
    static const char *const down[] = { "off", "err", NULL };
    static const char *const bad[] = { "up", "-oProxyCommand=x", NULL };
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) hosts = NULL;

    g_assert_null(drv_bridge_hosts(down, 0, &error));
    assert_error_text(error,
                      DRV_ERROR_NO_HOST,
                      "All hosts from 'BRIDGE_LIST' are offline, error or disabled");
    g_clear_error(&error);
    g_assert_null(drv_bridge_hosts(bad, 0, &error));
    assert_error_text(error, DRV_ERROR_USAGE, "BRIDGE_LIST: not a host name");
    g_clear_error(&error);
    set_fault("http 500"); /* whoever cannot be asked calls nobody off */
    hosts = drv_bridge_hosts(down, 0, &error);
    set_fault(NULL);
    g_assert_no_error(error);
    g_assert_cmpuint(g_strv_length(hosts), ==, 2);
}

/* --- what is an answer -----------------------------------------------------------------
 */

#define RESPONSE(inside)                                                                 \
    "<methodResponse><params><param><value><array><data>" inside                         \
    "</data></array></value></param></params></methodResponse>"

static const struct {
    const char *xml;
    DrvErrorCode code;
    const char *message;
} answers[] = {
    { "", DRV_ERROR_CORE, "oned" },
    { "<html/>", DRV_ERROR_CORE, "unexpected response" },
    { "<methodResponse/>", DRV_ERROR_CORE, "unexpected response" },
    { RESPONSE("<value><boolean>1</boolean></value>"),
      DRV_ERROR_CORE,
      "unexpected response" },
    { RESPONSE("<value><boolean>1</boolean></value><value>no XML</value>"),
      DRV_ERROR_CORE,
      "oned" },
    { RESPONSE("<value><boolean>0</boolean></value><value><string>no</string></value>"
               "<value><i4>1024</i4></value>"),
      DRV_ERROR_NOT_FOUND,
      "oned: no" },
    { RESPONSE("<value><boolean>0</boolean></value><value>no way</value>"
               "<value><i4>2048</i4></value>"),
      DRV_ERROR_CORE,
      "oned: no way" },
    { "<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>-1"
      "</int></value></member><member><name>faultString</name><value><string>Method not "
      "defined</string></value></member></struct></value></fault></methodResponse>",
      DRV_ERROR_CORE,
      "oned: Method not defined" },
    { "<!DOCTYPE x><methodResponse/>", DRV_ERROR_CORE, "document type" },
};

static void
test_bad_answers(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(
            drv_core_parse_answer(answers[i].xml, strlen(answers[i].xml), &error));
        assert_error_text(error, answers[i].code, answers[i].message);
    }
}

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    start_lab();
    g_test_add_func("/core/answers", test_answers);
    g_test_add_func("/core/no-object", test_no_object);
    for (guint i = 0; i < G_N_ELEMENTS(faults); i++) {
        g_autofree char *name = g_strdup_printf("/core/fault/%.8s", faults[i].fault);

        g_test_add_data_func(name, GUINT_TO_POINTER(i), test_fault);
    }
    g_test_add_func("/core/slow", test_slow);
    g_test_add_data_func("/core/cancelled/near", NULL, test_cancelled);
    g_test_add_data_func("/core/cancelled/by-curl", "yes", test_cancelled);
    g_test_add_func("/core/files-at-home", test_files_at_home);
    g_test_add_data_func("/core/endpoint/none", "http://127.0.0.1:1/", test_bad_endpoint);
    g_test_add_data_func("/core/endpoint/file", "file:///etc/passwd", test_bad_endpoint);
    g_test_add_data_func("/core/endpoint/nonsense", "-x $(id)", test_bad_endpoint);
    g_test_add_func("/core/tool", test_tool);
    g_test_add_func("/core/no-second-opinion", test_no_second_opinion);
    g_test_add_func("/core/bridges", test_bridges);
    g_test_add_func("/core/large-pool", test_large_pool);
    g_test_add_func("/core/no-bridge", test_no_bridge);
    g_test_add_func("/core/bad-answers", test_bad_answers);
    status = g_test_run();
    stop_lab();
    return status;
}
