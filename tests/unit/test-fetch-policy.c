/* SPDX-License-Identifier: Apache-2.0 */
/* test-fetch-policy.c - what a user's URL may name on another host; a real sftp server.
 */
#define DRV_ALLOW_PRIVATE
#include <string.h>

#include "base/cancel.h"
#include "scratch.h"
#include "source/fetch-private.h"

static struct {
    Scratch *dir;
} lab;

static char *
in_lab(const char *name)
{
    return g_build_filename(lab.dir, name, NULL);
}

static void
write_file(const char *name, const char *text)
{
    g_autofree char *path = in_lab(name);
    g_autoptr(GError) error = NULL;

    must(g_file_set_contents(path, text, -1, &error));
    g_assert_cmpint(g_chmod(path, 0755), ==, 0);
}

/* An ssh that skips the network; its home is the lab. */
static void
start_lab(void)
{
    g_autofree char *bin = NULL;
    g_autofree char *path = NULL;

    lab.dir = scratch_new();
    bin = in_lab("bin");
    g_assert_cmpint(g_mkdir(bin, 0700), ==, 0);
    path = g_strdup_printf("%s:%s", bin, g_getenv("PATH"));
    g_setenv("PATH", path, TRUE);
    write_file("content", "content\n");
    write_file("bin/ssh",
               "#!/bin/sh\ncd \"${0%/*}/..\" && exec /usr/lib/openssh/sftp-server\n");
}

static void
assert_policy(const DrvFetchPolicy *policy, const char *url, const char *text)
{
    DrvFetchRequest request = DRV_FETCH_REQUEST_INIT;
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvSource) source = NULL;
    guint8 got[16];

    request.url = url;
    request.policy = policy;
    source = drv_fetch_open(&request, &error);
    if (text == NULL) {
        g_assert_no_error(error);
        g_assert_cmpint(drv_source_read_full(source, got, 16, &error), ==, 8);
        g_assert_cmpmem(got, 8, "content\n", 8);
        return;
    }
    g_assert_error(error, DRV_ERROR, DRV_ERROR_REFUSED);
    if (strstr(error->message, text) == NULL)
        g_error("'%s' does not say '%s'", error->message, text);
}

/* A user's URL: hosts by a setting, paths by the directories, links of the host resolved.
 */
static void
test_ssh_policy(void)
{
    const char *const hosts[] = { "images", "me@images", NULL };
    const char *const all[] = { "/", NULL };
    g_autofree char *safe = in_lab("safe");
    g_autofree char *link = in_lab("safe-link");
    g_autofree char *out = in_lab("safe/out");
    g_autofree char *in = in_lab("in");
    const char *const safe_dirs[] = { safe, NULL };
    const char *const link_dirs[] = { link, NULL };
    DrvFetchPolicy policy = { .restricted_dirs = all, .safe_dirs = safe_dirs };
    g_autofree char *content = in_lab("content");
    g_autofree char *copy = in_lab("safe/content");
    g_autofree char *good = g_strdup_printf("ssh://images:%s", copy);
    g_autofree char *as_me = g_strdup_printf("ssh://me@images%s", copy);
    g_autofree char *by_in = g_strdup_printf("ssh://images:%s", in);
    g_autofree char *by_out = g_strdup_printf("ssh://images:%s", out);
    g_autofree char *no_way = g_strdup_printf("ssh://images:%s/none/../../content", safe);
    g_autofree char *plain = g_strdup_printf("ssh://images:%s", content);
    static const char refused[] = "Not allowed to copy image from ssh://images";
    const char *const others[] = {
        plain, by_out, no_way, "ssh://images:/etc/passwd", "ssh://images:none/none"
    };

    g_assert_cmpint(g_mkdir(safe, 0755), ==, 0);
    run_ok("cp", content, copy, NULL);
    g_assert_cmpint(symlink(safe, link), ==, 0);
    g_assert_cmpint(symlink(content, out), ==, 0);
    g_assert_cmpint(symlink(copy, in), ==, 0);

    assert_policy(&policy, good, "host 'images' is not in SSH_SOURCE_HOSTS");
    policy.ssh_hosts = hosts;
    assert_policy(&policy, good, NULL);
    assert_policy(&policy, as_me, NULL);
    assert_policy(&policy, by_in, NULL);
    assert_policy(&policy, "ssh://images:safe/content", NULL);
    assert_policy(&policy, "ssh://root@images:x", "host 'root@images' is not in SSH_");
    assert_policy(&policy, "ssh://localhost:/x", "host 'localhost' is not in SSH_");
    for (guint i = 0; i < G_N_ELEMENTS(others); i++) /* one answer, there or not */
        assert_policy(&policy, others[i], refused);
    policy.safe_dirs = link_dirs;
    assert_policy(&policy, good, NULL);
    policy.safe_dirs = NULL;
    policy.restricted_dirs = link_dirs;
    assert_policy(&policy, good, refused);
    policy.restricted_dirs = NULL; /* the home of who logs in is always restricted */
    assert_policy(&policy, "ssh://images:content", refused);
    assert_policy(&policy, "ssh://images:/proc/self/environ", refused);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    int result;

    g_test_init(&argc, &argv, NULL);
    must(drv_cancel_init(&error));
    start_lab();
    g_test_add_func("/fetch/ssh/policy", test_ssh_policy);
    result = g_test_run();
    scratch_remove(lab.dir);
    return result;
}
