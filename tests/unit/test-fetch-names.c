/* SPDX-License-Identifier: Apache-2.0 */
/* test-fetch-names.c - URLs and rates as text. */
#define DRV_ALLOW_PRIVATE
#include "scratch.h"
#include "source/fetch-private.h"

static void
test_ssh_urls(void)
{
    static const char *const urls[][3] = {
        { "ssh://h:/a/b", "h", "/a/b" },
        { "ssh://h/a b", "h", "/a b" },
        { "ssh://u@h:a:b", "u@h", "a:b" },
        { "ssh://h:22/x", "h", "22/x" },
        { "ssh://[::1]:/x", "::1", "/x" },
        { "ssh://u@[fe80::1%eth0]/x", "u@fe80::1%eth0", "/x" },
        { "ssh://h:/[x]", "h", "/[x]" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(urls); i++) {
        g_autofree char *host = NULL;
        g_autofree char *path = NULL;
        g_autoptr(GError) error = NULL;

        must(drv_fetch_split_ssh(urls[i][0], &host, &path, &error));
        g_assert_cmpstr(host, ==, urls[i][1]);
        g_assert_cmpstr(path, ==, urls[i][2]);
    }
}

static void
test_names(void)
{
    static const char *const names[][2] = {
        { "http://u:p@h:80/x?y=z#a", "http://h:80/x" },
        { "http://h/x@y", "http://h/x@y" },
        { "http://h?sig=1", "http://h" },
        { "https://a@b@h/x", "https://h/x" },
        { "/a?b@c", "/a?b@c" },
        { "s3://b/o?p", "s3://b/o" },
        { "http://u:pa/ss@h/x", "http://h/x" }, /* what is no URL may hold one anywhere */
        { "htp:/u:p@h/x", "h/x" },
        { "u:p@h/x?k=v", "h/x" },
        { "ftp://u:p/q@h/x", "ftp://h/x" },
        { "u:p:q", "u:p:q" },
        { "ssh://u:p@h:/a@b", "ssh://h:/a@b" },
        { "http://[::1]:80/a@b", "http://[::1]:80/a@b" },
    };
    static const struct {
        const char *text;
        guint64 rate;
    } rates[] = { { NULL, 0 },        { "", 0 },         { "1000", 1000 },
                  { "500k", 512000 }, { "2M", 2 << 20 }, { "1g", 1 << 30 },
                  { "7b", 7 } };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *shown = drv_fetch_display_name(names[i][0]);

        g_assert_cmpstr(shown, ==, names[i][1]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(rates); i++) {
        g_autoptr(GError) error = NULL;
        guint64 rate;

        must(drv_fetch_parse_rate(rates[i].text, &rate, &error));
        g_assert_cmpuint(rate, ==, rates[i].rate);
        g_assert_false(drv_fetch_parse_rate("99999999999999t", &rate, NULL));
        g_assert_false(drv_fetch_parse_rate("-1", &rate, NULL));
        must(drv_fetch_parse_rate("0", &rate, &error)); /* no limit, as to curl */
        g_assert_cmpuint(rate, ==, 0);
        g_assert_false(drv_fetch_parse_rate("2mm", &rate, NULL));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fetch/names", test_names);
    g_test_add_func("/fetch/ssh/urls", test_ssh_urls);
    return g_test_run();
}
