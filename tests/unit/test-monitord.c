/* SPDX-License-Identifier: Apache-2.0 */
/* Messages are received and decoded by tests/lib/fake-monitord, another implementation.
 */
#include <string.h>

#include "base/action.h"
#include "base/cancel.h"
#include "monitor/monitord.h"
#include "scratch.h"

typedef struct {
    DrvChild child;
    char *log;
    guint16 port;
} Monitord;

static struct {
    Scratch *dir;
    char *public_key;
    Monitord plain;
    Monitord secret; /* with a key */
} lab;

/* --- the lab ---------------------------------------------------------------------------
 */

static char *
in_lab(const char *name)
{
    return g_build_filename(lab.dir, name, NULL);
}

/* The text of a file once it is there and contains @wanted; caller frees. */
static char *
await_text(const char *path, const char *wanted)
{
    gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

    for (;;) {
        g_autofree char *text = NULL;

        if (g_file_get_contents(path, &text, NULL, NULL) && strstr(text, wanted))
            return g_steal_pointer(&text);
        if (g_get_monotonic_time() > end)
            g_error("no '%s' in '%s'", wanted, text);
        g_assert_cmpint(drv_poll(NULL, 0, 10, NULL), ==, 0);
    }
}

static void
start(Monitord *monitord, const char *name, const char *key)
{
    g_autofree char *port_name = g_strconcat(name, ".port", NULL);
    g_autofree char *port = in_lab(port_name);
    g_autofree char *text = NULL;
    g_autoptr(DrvCmd) cmd =
        drv_cmd_new("tests/lib/fake-monitord", "--port-file", port, NULL);
    g_autoptr(GError) error = NULL;

    monitord->log = in_lab(name);
    drv_cmd_option(cmd, "--key", key);
    drv_cmd_arg(cmd, monitord->log);
    monitord->child = (DrvChild)DRV_CHILD_INIT;
    must(drv_cmd_spawn(cmd, &monitord->child, &error));
    text = await_text(port, "\n");
    monitord->port = (guint16)g_ascii_strtoull(text, NULL, 10);
}

static void
start_lab(void)
{
    g_autofree char *key = NULL;
    g_autofree char *public_key = NULL;
    g_autofree char *etc = NULL;
    const char *self[] = { "/nowhere/tm/x/y", NULL };

    lab.dir = scratch_new();
    key = in_lab("key");
    public_key = in_lab("key.pub");
    etc = in_lab("etc");
    run_ok("openssl", "genrsa", "-out", key, "1024", NULL);
    run_ok("openssl", "rsa", "-in", key, "-pubout", "-out", public_key, NULL);
    g_assert_true(g_file_get_contents(public_key, &lab.public_key, NULL, NULL));
    start(&lab.plain, "plain", NULL);
    start(&lab.secret, "secret", key);
    g_assert_cmpint(g_mkdir(etc, 0755), ==, 0);
    g_setenv("ONE_LOCATION", lab.dir, TRUE);
    drv_action_init(1, (char **)self);
}

static void
stop(Monitord *monitord)
{
    drv_cmd_child_clear(&monitord->child);
    g_free(monitord->log);
}

static void
stop_lab(void)
{
    stop(&lab.plain);
    stop(&lab.secret);
    g_free(lab.public_key);
    scratch_remove(lab.dir);
}

/* A message with @rest has come by @via, and none that could not be decoded. */
static void
assert_arrived(const Monitord *monitord, const char *via, const char *rest)
{
    g_autofree char *text = await_text(monitord->log, rest);
    g_autofree char *wanted = g_strdup_printf("\"via\": \"%s\"", via);
    char *at = strstr(text, rest);

    g_assert_null(strstr(text, "\"error\""));
    *at = '\0';
    at = strrchr(text, '\n');
    g_assert_nonnull(strstr(at ? at : text, wanted));
}

/* --- messages --------------------------------------------------------------------------
 */

static void
test_plain(void)
{
    DrvMonitorMessage message = { "BEACON_HOST", FALSE, -1, 0, "€ \"x\"\n" };
    g_autoptr(GError) error = NULL;
    g_autofree char *line = drv_monitord_line(&message, NULL, &error);

    g_assert_no_error(error);
    g_assert_true(g_str_has_prefix(line, "BEACON_HOST SUCCESS -1 0 "));
    g_assert_null(strchr(line, '\n'));
    must(drv_monitord_send("127.0.0.1", lab.plain.port, line, FALSE, &error));
    assert_arrived(&lab.plain,
                   "udp",
                   "\"type\": \"BEACON_HOST\", \"status\": \"SUCCESS\", \"host\": -1, "
                   "\"epoch\": 0, \"data\": \"\\u20ac \\\"x\\\"\\n\"");
}

static void
test_failure(void)
{
    DrvMonitorMessage message = { "STATE_VM", TRUE, 12, 1700000000, "went wrong" };
    g_autoptr(GError) error = NULL;
    g_autofree char *line = drv_monitord_line(&message, "", &error);

    g_assert_no_error(error);
    must(drv_monitord_send("127.0.0.1", lab.plain.port, line, TRUE, &error));
    assert_arrived(&lab.plain,
                   "tcp",
                   "\"type\": \"STATE_VM\", \"status\": \"FAILURE\", \"host\": 12, "
                   "\"epoch\": 1700000000, \"data\": \"went wrong\"");
}

/* Around the size of what RSA takes at once, and far above it. */
static void
test_secret(void)
{
    static const gsize sizes[] = { 1, 116, 117, 118, 234, 5000 };

    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *data = g_strnfill(sizes[i], (char)('a' + i));
        g_autofree char *wanted = g_strdup_printf("\"data\": \"%s\"", data);
        DrvMonitorMessage message = { "BEACON_HOST", FALSE, -1, 0, data };
        g_autoptr(GError) error = NULL;
        g_autofree char *line = drv_monitord_line(&message, lab.public_key, &error);

        g_assert_no_error(error);
        must(drv_monitord_send("localhost", lab.secret.port, line, FALSE, &error));
        assert_arrived(&lab.secret, "udp", wanted);
    }
}

/* What does not fit a datagram takes a connection. */
static void
test_large(void)
{
    g_autofree guint8 *data = noise(100000, 1);
    g_autofree char *text = g_base64_encode(data, 100000);
    g_autofree char *wanted = g_strdup_printf("\"data\": \"%.100s", text);
    DrvMonitorMessage message = { "BEACON_HOST", FALSE, 3, 0, text };
    g_autoptr(GError) error = NULL;
    g_autofree char *line = drv_monitord_line(&message, NULL, &error);

    must(drv_monitord_send("127.0.0.1", lab.plain.port, line, FALSE, &error));
    assert_arrived(&lab.plain, "tcp", wanted);
}

static void
test_old_form(void)
{
    g_autofree char *line = drv_monitord_collect_line("5", FALSE, "NAME=x\n");
    g_autoptr(GError) error = NULL;

    g_assert_true(g_str_has_prefix(line, "MONITOR SUCCESS 5 "));
    g_assert_cmpuint(strcspn(line, "\n"), ==, strlen(line) - 1);
    must(drv_monitord_send_datagram("127.0.0.1", lab.plain.port, line, &error));
    assert_arrived(&lab.plain,
                   "udp",
                   "\"type\": \"MONITOR\", \"status\": \"SUCCESS\", \"host\": 5, "
                   "\"epoch\": 0, \"data\": \"NAME=x\\n\"");
}

static void
test_bad_key(void)
{
    DrvMonitorMessage message = { "BEACON_HOST", FALSE, -1, 0, "secret" };
    g_autoptr(GError) error = NULL;

    g_assert_null(drv_monitord_line(&message, "no key at all", &error));
    assert_error_text(
        error, DRV_ERROR_CONFIG, "PUBKEY of the monitor is not an RSA public key");
}

static void
test_nobody(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(drv_monitord_send("no such name", 1, "x", FALSE, &error));
    assert_error_text(error, DRV_ERROR_NOT_FOUND, "cannot find the monitor 'no such");
    g_clear_error(&error);
    g_assert_false(drv_monitord_send("127.0.0.1", 1, "x", TRUE, &error));
    assert_error_text(error, DRV_ERROR_FAILED, "'127.0.0.1' port 1: cannot reach");
}

/* --- monitord.conf ---------------------------------------------------------------------
 */

static void G_GNUC_PRINTF(1, 2) configure(const char *format, ...)
{
    g_autofree char *path = in_lab("etc/monitord.conf");
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void
test_conf(void)
{
    DrvMonitorMessage message = { "BEACON_HOST", FALSE, -1, 0, "by several lines" };
    g_autoptr(GError) error = NULL;

    configure("# PORT = 1\nLOG = [ SYSTEM = \"file\", DEBUG_LEVEL = 3 ]\n"
              "NETWORK = [\n    ADDRESS = \"0.0.0.0\",\n    MONITOR_ADDRESS = \"auto\",\n"
              "    PORT    = %u,\n    THREADS = 8,\n    PUBKEY  = \"\",\n"
              "    PRIKEY  = \"\"\n]\n",
              lab.plain.port);
    must(drv_monitord_send_local(&message, &error));
    assert_arrived(&lab.plain, "udp", "\"data\": \"by several lines\"");
    message.data = "by one line";
    configure("NETWORK=[MONITOR_ADDRESS=\"127.0.0.1\",PORT=\"%u\",PUBKEY=\"%s/key.pub\"]",
              lab.secret.port,
              lab.dir);
    must(drv_monitord_send_local(&message, &error));
    assert_arrived(&lab.secret, "udp", "\"data\": \"by one line\"");
}

static void
test_bad_conf(void)
{
    DrvMonitorMessage message = { "BEACON_HOST", FALSE, -1, 0, "never" };
    g_autoptr(GError) error = NULL;

    configure("NETWORK = [ PORT = many ]");
    g_assert_false(drv_monitord_send_local(&message, &error));
    assert_error_text(error, DRV_ERROR_CONFIG, "monitord.conf: invalid PORT: 'many'");
    g_clear_error(&error);
    /* What is to be a secret is not sent as plain text. */
    configure("NETWORK = [ PORT = %u, PUBKEY = \"/no/such/key\" ]", lab.plain.port);
    g_assert_false(drv_monitord_send_local(&message, &error));
    assert_error_text(error, DRV_ERROR_CONFIG, "/no/such/key");
}

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    start_lab();
    g_test_add_func("/monitord/plain", test_plain);
    g_test_add_func("/monitord/failure", test_failure);
    g_test_add_func("/monitord/secret", test_secret);
    g_test_add_func("/monitord/large", test_large);
    g_test_add_func("/monitord/old-form", test_old_form);
    g_test_add_func("/monitord/bad-key", test_bad_key);
    g_test_add_func("/monitord/nobody", test_nobody);
    g_test_add_func("/monitord/conf", test_conf);
    g_test_add_func("/monitord/bad-conf", test_bad_conf);
    status = g_test_run();
    stop_lab();
    return status;
}
