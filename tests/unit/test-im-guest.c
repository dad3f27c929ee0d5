/* SPDX-License-Identifier: Apache-2.0 */
/* What guests say of themselves, and the configuration of what they are asked. */
#include <string.h>

#include "base/action.h"
#include "im/probes/guest.h"
#include "template.h"

typedef struct {
    char *dir;
    GString *out;
} Fake;

static void
set_up(Fake *fake, gconstpointer data)
{
    (void)data;
    fake->dir = scratch_new();
    fake->out = g_string_new(NULL);
    drv_action_set_remotes_dir(fake->dir);
}

static void
tear_down(Fake *fake, gconstpointer data)
{
    (void)data;
    g_string_free(fake->out, TRUE);
    scratch_remove(fake->dir);
}

static void
configure(Fake *fake, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename("etc", "im", "kvm-probes.d", name, NULL);

    scratch_put(fake->dir, path, text);
}

static GHashTable *
facts(const char *const *pairs)
{
    GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    for (; *pairs; pairs += 2)
        g_hash_table_insert(table, g_strdup(pairs[0]), g_strdup(pairs[1]));
    return table;
}

static void
assert_os(const char *const *pairs, const char *want)
{
    g_autoptr(GHashTable) table = facts(pairs);
    g_autoptr(GString) out = g_string_new(NULL);

    guest_say_os(table, out);
    g_assert_cmpstr(out->str, ==, want);
    g_assert_true(template_is_good(out->str));
}

static void
test_os(void)
{
    assert_os((const char *const[]){ "os.id",
                                     "debian",
                                     "os.version-id",
                                     "12",
                                     "os.version",
                                     "12 (bookworm)",
                                     "os.machine",
                                     "x86_64",
                                     NULL },
              "OS_ID=\"debian\"\nOS_TYPE=\"linux\"\nOS_VERSION=\"12\"\n"
              "OS_MACHINE=\"x86_64\"\n");
    assert_os(
        (const char *const[]){
            "os.id", "mswindows", "os.version", "Microsoft Windows Server 2022", NULL },
        "OS_ID=\"mswindows\"\nOS_TYPE=\"windows\"\n"
        "OS_VERSION=\"Microsoft Windows Server 2022\"\n");
    assert_os((const char *const[]){ "os.id", "freebsd", NULL },
              "OS_ID=\"freebsd\"\nOS_TYPE=\"bsd\"\n");
    assert_os((const char *const[]){ "os.id", "", "os.machine", "", NULL }, "");
    assert_os((const char *const[]){ NULL }, "");
    /* The guest may say what it likes. */
    assert_os((const char *const[]){ "os.machine", "a\"]]>\n VM = [ ID=\"1\" ]\\", NULL },
              "OS_MACHINE=\"a\\\"] ]>  VM = [ ID=\\\"1\\\" ]\\ \"\n");
}

static void
test_os_long(void)
{
    g_autofree char *word = g_strnfill(100000, 'x');
    g_autoptr(GHashTable) table =
        facts((const char *const[]){ "os.machine", word, NULL });
    g_autoptr(GString) out = g_string_new(NULL);

    guest_say_os(table, out);
    g_assert_cmpuint(out->len, <, 200);
}

static void
test_addresses(void)
{
    g_autoptr(GHashTable) table = facts((const char *const[]){
        "if.count",
        "3",
        "if.0.addr.0.addr",
        "127.0.0.1",
        "if.0.addr.1.addr",
        "::1",
        "if.1.addr.0.addr",
        "10.0.0.7",
        "if.1.addr.1.addr",
        "fe80::1",
        "if.1.addr.2.addr",
        "FD00:0:0::0007",
        "if.1.addr.3.addr",
        "10.0.0.7",
        "if.2.addr.0.addr",
        "169.254.1.1",
        "if.2.addr.1.addr",
        "0.0.0.0",
        "if.2.addr.2.addr",
        "\" ]\nVM = [ ID=\"1\"",
        "if.2.addr.3.addr",
        "192.0.2.1",
        NULL,
    });
    g_autoptr(GHashTable) none =
        facts((const char *const[]){ "if.0.addr.0.addr", "127.0.0.53", NULL });
    g_autoptr(GString) out = g_string_new(NULL);

    g_assert_true(guest_say_addresses(table, out));
    g_assert_cmpstr(out->str, ==, "GUEST_IP_ADDRESSES=\"10.0.0.7,fd00::7,192.0.2.1\"\n");
    g_string_truncate(out, 0);
    g_assert_false(guest_say_addresses(none, out));
    g_assert_cmpuint(out->len, ==, 0);
}

static void
test_addresses_many(void)
{
    g_autoptr(GHashTable) table = facts((const char *const[]){ NULL });
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint i = 0; i < 10000; i++)
        g_hash_table_insert(table,
                            g_strdup_printf("if.%u.addr.%u.addr", i % 100, i / 100),
                            g_strdup_printf("10.0.%u.%u", i / 250, i % 250));
    g_assert_true(guest_say_addresses(table, out));
    g_assert_cmpuint(out->len, <, 64 * 16 + 64);
}

static void
assert_gpus(const char *csv, const char *want)
{
    g_autoptr(GString) out = g_string_new(NULL);

    guest_say_gpus(csv, out);
    g_assert_cmpstr(out->str, ==, want);
    g_assert_true(template_is_good(out->str));
}

static void
test_gpus(void)
{
    g_autoptr(GString) many = g_string_new(NULL);
    g_autoptr(GString) out = g_string_new(NULL);

    g_assert_true(guest_devices_have_gpu("8086:1572:0200,10DE:1eb8:0302"));
    g_assert_false(guest_devices_have_gpu("10de:1eb8:0403")); /* its sound */
    g_assert_false(guest_devices_have_gpu("8086:1572:0300"));
    g_assert_false(guest_devices_have_gpu(""));
    assert_gpus("12, 3, 4096, 61.50\n",
                "GPU_COUNT=\"1\"\nGPU_UTILIZATION=\"12.00\"\n"
                "GPU_MEMORY_UTILIZATION=\"3.00\"\nGPU_MEMORY_FREE=\"4096.00\"\n"
                "GPU_POWER_USAGE=\"61.50\"\n");
    assert_gpus("10, 4, 100, [N/A]\r\n30, 8, 50, [N/A]\r\n",
                "GPU_COUNT=\"2\"\nGPU_UTILIZATION=\"20.00\"\n"
                "GPU_MEMORY_UTILIZATION=\"6.00\"\nGPU_MEMORY_FREE=\"150.00\"\n");
    assert_gpus("No devices were found\n", "");
    assert_gpus("", "");
    assert_gpus("nan, inf, -5, 1e300\n", "GPU_COUNT=\"1\"\n");
    for (guint i = 0; i < 10000; i++)
        g_string_append(many, "1, 1, 1, 1\n");
    guest_say_gpus(many->str, out);
    g_assert_true(g_str_has_prefix(out->str, "GPU_COUNT=\"64\"\n"));
}

static const GuestCommand *
command(const GuestConf *conf, guint i)
{
    g_assert_cmpuint(i, <, conf->commands->len);
    return g_ptr_array_index(conf->commands, i);
}

static void
test_commands(Fake *fake, gconstpointer data)
{
    g_auto(GuestConf) conf = { 0 };

    (void)data;
    configure(fake, "guestagent.conf", ":enabled: true\n:commands: [\n");
    guest_conf_load(&conf);
    g_assert_cmpuint(conf.commands->len, ==, 0); /* that was no YAML: nothing of it */
    g_assert_false(conf.enabled);
    guest_conf_clear(&conf);
    configure(fake,
              "guestagent.conf",
              "# what guests are asked\n---\n:enabled: true\n:commands:\n"
              "  :vm_qemu_ping: \"one-$vm_id '{\\\"execute\\\":\\\"guest-ping\\\"}' "
              "--timeout 7\"\n"
              "  plain: one-$vm_id '{\"execute\":\"guest-info\"}' --timeout=2 --pretty\n"
              "  'no good': one-$vm_id '{}'\n"
              "  :half: one-$vm_id\n"
              "  :quote: \"one-$vm_id '{\"\n");
    guest_conf_load(&conf);
    g_assert_true(conf.enabled);
    g_assert_cmpuint(conf.commands->len, ==, 4);
    g_assert_cmpstr(command(&conf, 0)->name, ==, "VM_QEMU_PING");
    g_assert_cmpstr(command(&conf, 0)->text, ==, "{\"execute\":\"guest-ping\"}");
    g_assert_cmpuint(command(&conf, 0)->timeout_s, ==, 7);
    g_assert_cmpstr(command(&conf, 1)->text, ==, "{\"execute\":\"guest-info\"}");
    g_assert_cmpuint(command(&conf, 1)->timeout_s, ==, 2);
    g_assert_cmpstr(command(&conf, 2)->name, ==, "HALF");
    g_assert_nonnull(command(&conf, 2)->wrong);
    g_assert_nonnull(command(&conf, 3)->wrong);
}

static void
test_disabled(Fake *fake, gconstpointer data)
{
    g_auto(GuestConf) conf = { 0 };

    (void)data;
    configure(fake,
              "guestagent.conf",
              ":enabled: false\n:commands:\n  :vm_qemu_ping: one-$vm_id '{}'\n");
    guest_conf_load(&conf);
    guest_say_disabled(&conf, fake->out);
    guest_say_wrong(&conf, "nobody asked", fake->out);
    g_assert_cmpstr(
        fake->out->str, ==, "VM_QEMU_PING=\"QEMU Guest Agent monitoring disabled\"\n");
    guest_conf_clear(&conf);
    configure(fake,
              "guestagent.conf",
              ":enabled: yes\n:commands:\n  :vm_qemu_ping: one-$vm_id '{}'\n");
    guest_conf_load(&conf);
    g_string_truncate(fake->out, 0);
    guest_say_disabled(&conf, fake->out);
    guest_say_wrong(&conf, "it is \"silent\"", fake->out);
    g_assert_cmpstr(fake->out->str, ==, "VM_QEMU_PING=\"error: it is \\\"silent\\\"\"\n");
}

static void
assert_values(const char *key, const char *want)
{
    g_auto(GStrv) values = im_conf_values("some.conf", key);
    g_autofree char *all = g_strjoinv("|", values);

    g_assert_cmpstr(all, ==, want);
}

static void
test_conf(Fake *fake, gconstpointer data)
{
    (void)data;
    assert_values("list", ""); /* without the file */
    configure(fake,
              "some.conf",
              ":list:\n  - '0:0'\n  - \"10de:*\" # all\n  - 8086:1572\n"
              "flow: [ '0:0', 10de:1eb8, a b ]\n"
              ":one: 12\nnone:\n:map:\n  :a: b\n");
    assert_values("list", "0:0|10de:*|8086:1572");
    assert_values("flow", "0:0|10de:1eb8|a b");
    assert_values("one", "12");
    assert_values("none", "");
    assert_values("map", "");
    assert_values("li", "");
    g_assert_cmpuint(im_conf_number("some.conf", "one", 3), ==, 12);
    g_assert_cmpuint(im_conf_number("some.conf", "flow", 3), ==, 3);
    configure(fake, "some.conf", "- only\n- a list\n");
    assert_values("list", "");
    configure(fake, "some.conf", "");
    assert_values("list", "");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/im/guest/os", test_os);
    g_test_add_func("/im/guest/os/long", test_os_long);
    g_test_add_func("/im/guest/addresses", test_addresses);
    g_test_add_func("/im/guest/addresses/many", test_addresses_many);
    g_test_add_func("/im/guest/gpus", test_gpus);
    g_test_add("/im/guest/commands", Fake, NULL, set_up, test_commands, tear_down);
    g_test_add("/im/guest/disabled", Fake, NULL, set_up, test_disabled, tear_down);
    g_test_add("/im/conf", Fake, NULL, set_up, test_conf, tear_down);
    return g_test_run();
}
