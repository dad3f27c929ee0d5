/* SPDX-License-Identifier: Apache-2.0 */
#include "base/headline.h"

static const struct {
    const char *sentence, *headline;
} rows[] = {
    { "cannot remove image 7: Permission denied",
      "cannot remove image 7: Permission denied" },
    { "cannot clone image 7 to disk.0 of VM 25: cannot open "
      "'/var/lib/one/datastores/101/0123456789abcdef0123456789abcdef': Permission denied",
      "cannot clone image 7 to disk.0 of VM 25: Permission denied (cannot open "
      "'/var/lib/one/datastores/101/0123456789abcdef0123456789abcdef')" },
    { "cannot delete snapshot 1 of VM 25: cannot open "
      "'/var/lib/one/datastores/101/25/disk.0.snap/1': Permission denied",
      "cannot delete snapshot 1 of VM 25: cannot open 'disk.0.snap/1': Permission "
      "denied (/var/lib/one/datastores/101/25/disk.0.snap/1)" },
    { "cannot migrate domain '1dc25efa-53ba-4a16-bb44-6baf482a11a6': still runs on the "
      "source: operation failed: no room",
      "cannot migrate the domain: still runs on the source: operation failed: no room "
      "(1dc25efa-53ba-4a16-bb44-6baf482a11a6)" },
    { "cannot migrate VM 25: still runs on the source: the destination's libvirtd: cannot "
      "start the domain: libvirt: no such CPU model",
      "cannot migrate VM 25: still runs on the source: libvirt: no such CPU model (cannot "
      "start the domain; the destination's libvirtd)" },
    { "cannot deploy VM 1: cannot create the UEFI variables '/a/datastores/0/1/web_VARS.fd': "
      "cannot open '/a/none.fd': No such file or directory",
      "cannot deploy VM 1: cannot open 'none.fd': No such file or directory (cannot create "
      "the UEFI variables '/a/datastores/0/1/web_VARS.fd'; /a/none.fd)" },
    { "cannot clone image 7 to disk.0 of VM 1: host01: ssh: connect to host host01 port 22: "
      "Connection timed out",
      "cannot clone image 7 to disk.0 of VM 1: host01: ssh: Connection timed out (connect to "
      "host host01 port 22)" },
    { "cannot link image '/var/lib/one/datastores/1/qcow2' to disk.2 of VM 25: cannot ask "
      "oned: Connection refused (http://127.0.0.1:2633/RPC2)",
      "cannot link image 'qcow2' to disk.2 of VM 25: cannot ask oned: Connection refused "
      "(http://127.0.0.1:2633/RPC2; /var/lib/one/datastores/1/qcow2)" },
    /* A colon in a name ends nothing; a reason that is too long stays where it is. */
    { "cannot fetch 'http://one: two/three/four/five/six/seven/eight/nine/ten/eleven/twelve/"
      "thirteen': HTTP 404",
      "cannot fetch 'http://one: two/three/four/five/six/seven/eight/nine/ten/eleven/twelve/"
      "thirteen': HTTP 404" },
};

static void
test_rows(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *headline = drv_headline(rows[i].sentence);

        g_assert_cmpstr(headline, ==, rows[i].headline);
    }
}

/* Whatever a name holds: nothing is lost, and nothing crashes. */
static void
test_hostile(void)
{
    static const char *const names[] = { "'",    "/'/'/", "': : :", "\xff\xfe",
                                         "\xf0", "(?<a>", "" };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *sentence = g_strdup_printf(
            "cannot clone image 7 to disk.0 of VM 25: cannot open '/var/lib/%s/%s' "
            "and then some more words to make it long: Permission denied",
            names[i],
            names[i]);
        g_autofree char *headline = drv_headline(sentence);

        g_assert_nonnull(headline);
        g_assert_true(g_str_has_prefix(headline, "cannot clone image 7"));
        g_assert_nonnull(g_strstr_len(headline, -1, "Permission denied"));
    }
}

/* A character that is cut short must not lead beyond the end. */
static void
test_cut(void)
{
    g_autofree char *cut = g_strdup("name \xf0");
    g_autofree char *headline = drv_headline(cut);

    g_assert_cmpstr(headline, ==, cut);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/headline/rows", test_rows);
    g_test_add_func("/headline/hostile", test_hostile);
    g_test_add_func("/headline/cut", test_cut);
    return g_test_run();
}
