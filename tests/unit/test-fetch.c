/* SPDX-License-Identifier: Apache-2.0 */
/* test-fetch.c - against a web server with faults, and a real sftp server. */
#define DRV_ALLOW_PRIVATE
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "scratch.h"
#include "source/digest.h"
#include "source/fetch-private.h"

#define SIZE ((gsize)3000001)

static struct {
    Scratch *dir;
    guint8 *content;
    DrvChild child;     /* http */
    DrvChild tls_child; /* https, with a certificate that nobody signed */
    guint port;
    guint tls_port;
} lab = { .child = DRV_CHILD_INIT, .tls_child = DRV_CHILD_INIT };

/* --- the lab ------------------------------------------------------------------------ */

static char *
in_lab(const char *name)
{
    return g_build_filename(lab.dir, name, NULL);
}

static guint
start_server(DrvChild *child, gboolean tls)
{
    g_autofree char *file = in_lab("content");
    g_autofree char *cert = in_lab("cert");
    g_autofree char *key = in_lab("key");
    g_autoptr(DrvCmd) cmd =
        drv_cmd_new("python3", "tests/lab/http-server.py", file, NULL);
    g_autoptr(GError) error = NULL;
    char line[16] = "";
    gsize at = 0;

    if (tls) {
        drv_cmd_arg(cmd, cert);
        drv_cmd_arg(cmd, key);
    }
    must(drv_cmd_spawn(cmd, child, &error));
    while (at < sizeof line - 1 && strchr(line, '\n') == NULL) {
        gssize got = drv_fd_read(child->stdout_fd, line + at, 1, "port", &error);

        g_assert_no_error(error);
        g_assert_cmpint(got, ==, 1);
        at++;
    }
    return (guint)atoi(line);
}

static void
write_script(const char *name, const char *text)
{
    g_autofree char *path = in_lab(name);
    g_autoptr(GError) error = NULL;

    must(g_file_set_contents(path, text, -1, &error));
    g_assert_cmpint(g_chmod(path, 0755), ==, 0);
}

static void
start_lab(void)
{
    g_autofree char *cert = NULL;
    g_autofree char *key = NULL;
    g_autofree char *works = NULL;
    g_autofree char *path = NULL;
    g_auto(DrvFd) fd = -1;

    lab.dir = scratch_new();
    lab.content = noise(SIZE, 11);
    fd = scratch_open(lab.dir, "content");
    put_at(fd, lab.content, SIZE, 0);
    cert = in_lab("cert");
    key = in_lab("key");
    run_ok("openssl",
           "req",
           "-x509",
           "-newkey",
           "ec",
           "-pkeyopt",
           "ec_paramgen_curve:P-256",
           "-nodes",
           "-subj",
           "/CN=127.0.0.1",
           "-days",
           "2",
           "-keyout",
           key,
           "-out",
           cert,
           NULL);
    lab.port = start_server(&lab.child, FALSE);
    lab.tls_port = start_server(&lab.tls_child, TRUE);

    /* An ssh that skips the network, and one that is refused. */
    works = in_lab("ssh-works");
    g_assert_cmpint(g_mkdir(works, 0700), ==, 0);
    path = g_strdup_printf("%s/ssh-works:%s", lab.dir, g_getenv("PATH"));
    g_setenv("PATH", path, TRUE);
    write_script(
        "ssh-works/ssh",
        "#!/bin/sh\n"
        "printf '%s\\n' \"$@\" >\"${0%/*}/argv\"\n"
        "for host do case $host in deny) echo 'Permission denied (publickey).' >&2;"
        " exit 255;; quiet) exec sleep 30;; rubbish) echo 'Welcome to this host!';"
        " exec cat;; esac; done\n"
        "cd \"${0%/*}/..\" && exec /usr/lib/openssh/sftp-server\n");
}

static void
stop_lab(void)
{
    drv_cmd_child_clear(&lab.child);
    drv_cmd_child_clear(&lab.tls_child);
    g_free(lab.content);
    scratch_remove(lab.dir);
}

static char *
url_of(const char *name)
{
    return g_strdup_printf("http://127.0.0.1:%u/%s", lab.port, name);
}

static DrvFetchRequest
quick(const char *url)
{
    DrvFetchRequest request = DRV_FETCH_REQUEST_INIT;

    request.url = url;
    request.retry_delay_ms = 1;
    request.stall_timeout_ms = 20000;
    return request;
}

/* All of it, or NULL with @error. */
static GByteArray *
fetch(const DrvFetchRequest *request, GError **error)
{
    g_autoptr(DrvSource) source = drv_fetch_open(request, error);
    g_autoptr(GByteArray) all = g_byte_array_new();
    g_autofree guint8 *buffer = g_malloc(100003);
    gssize got = -1;

    while (source && (got = drv_source_read(source, buffer, 100003, error)) > 0)
        g_byte_array_append(all, buffer, (guint)got);
    return got < 0 ? NULL : g_steal_pointer(&all);
}

static void
assert_fetches(const DrvFetchRequest *request)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) all = fetch(request, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(all->len, ==, SIZE);
    g_assert_true(memcmp(all->data, lab.content, SIZE) == 0);
}

static void
assert_fails(const DrvFetchRequest *request, DrvErrorCode code, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) all = fetch(request, &error);

    g_assert_null(all);
    assert_error_text(error, code, text);
}

static guint
count_of(const char *name)
{
    g_autofree char *path = g_strconcat("count/", name, NULL);
    g_autofree char *url = url_of(path);
    const DrvFetchRequest request = quick(url);
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) body = fetch(&request, &error);
    g_autofree char *text = NULL;

    g_assert_no_error(error);
    text = g_strndup((const char *)body->data, body->len);
    return (guint)atoi(text);
}

/* --- http --------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    DrvErrorCode code; /* DRV_ERROR_LAST: it works */
    const char *text;
    guint count; /* of requests */
} Case;

static const Case cases[] = {
    { "file", DRV_ERROR_LAST, NULL, 1 },
    { "chunked", DRV_ERROR_LAST, NULL, 1 },
    { "slow", DRV_ERROR_LAST, NULL, 1 },
    { "redirect", DRV_ERROR_LAST, NULL, 1 },
    { "flaky", DRV_ERROR_LAST, NULL, 3 },
    { "drop", DRV_ERROR_LAST, NULL, 2 },
    { "drop_norange",
      DRV_ERROR_FAILED,
      "transfer interrupted, and the server cannot resume",
      2 },
    { "drop_changed", DRV_ERROR_FAILED, "changed while being read", 2 },
    { "drop_always", DRV_ERROR_FAILED, "broke off after 40 of 3000001 bytes", 4 },
    { "wrong_length", DRV_ERROR_FAILED, "416", 2 },
    { "chunked_drop", DRV_ERROR_FAILED, "cannot fetch", 1 },
    { "down", DRV_ERROR_FAILED, ": 500 Internal Server Error", 4 },
    { "404", DRV_ERROR_NOT_FOUND, ": 404 Not Found", 1 },
    { "403", DRV_ERROR_PERMISSION, ": 403 Forbidden", 1 },
    { "204", DRV_ERROR_FAILED, "unexpected status 204", 1 },
    { "redirect_file", DRV_ERROR_REFUSED, "rotocol", 1 },
    { "redirect_loop", DRV_ERROR_REFUSED, "redirect", 11 },
    { "auth", DRV_ERROR_PERMISSION, ": 401 Unauthorized", 1 },
};

static void
test_http(gconstpointer data)
{
    const Case *one = data;
    g_autofree char *url = url_of(one->name);
    g_autofree char *begin = g_strdup_printf("cannot fetch '%s': ", url);
    const DrvFetchRequest request = quick(url);
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) all = NULL;
    guint before = count_of(one->name);

    if (one->code == DRV_ERROR_LAST) {
        assert_fetches(&request);
    } else {
        all = fetch(&request, &error);
        g_assert_null(all);
        assert_error_text(error, one->code, one->text);
        assert_error_text(error, one->code, begin);
    }
    g_assert_cmpuint(count_of(one->name) - before, ==, one->count);
}

static void
test_http_no_retry(void)
{
    g_autofree char *url = url_of("down?once");
    DrvFetchRequest request = quick(url);
    guint before = count_of("down");

    request.no_retry = TRUE;
    assert_fails(&request, DRV_ERROR_FAILED, ": 500 Internal Server Error");
    g_assert_cmpuint(count_of("down"), ==, before + 1);
}

static void
test_http_refused(void)
{
    DrvFetchRequest request = quick("http://127.0.0.1:1/x");

    assert_fails(&request, DRV_ERROR_FAILED, "cannot fetch 'http://127.0.0.1:1/x': ");
}

static void
test_http_stall(void)
{
    g_autofree char *url = url_of("stall");
    g_autofree char *silent = url_of("silent");
    g_autofree char *resumed = url_of("resumed_stall");
    DrvFetchRequest request = quick(url);

    request.stall_timeout_ms = 100;
    request.no_retry = TRUE;
    assert_fails(&request, DRV_ERROR_TIMEOUT, "no data for 100 ms");
    request.url = silent;
    assert_fails(&request, DRV_ERROR_TIMEOUT, "no data for 100 ms");
    request.url = resumed;
    request.no_retry = FALSE;
    request.stall_timeout_ms = 2000;
    assert_fetches(&request);
}

/* A reader that takes its time is no stall, and no more than a block or two is held. */
static void
test_http_pause(void)
{
    g_autofree char *url = url_of("file");
    DrvFetchRequest request = quick(url);
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvSource) source = NULL;
    g_autofree guint8 *all = g_malloc(SIZE);

    request.stall_timeout_ms = 1000;
    source = drv_fetch_open(&request, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(drv_source_size_hint(source), ==, SIZE);
    g_usleep(1500 * 1000); /* longer than the stall timeout: that is the case tested */
    g_assert_cmpint(drv_source_read_full(source, all, SIZE, &error), ==, (gssize)SIZE);
    g_assert_true(memcmp(all, lab.content, SIZE) == 0);
    g_assert_cmpint(drv_source_read(source, all, 1, &error), ==, 0);
}

static void
test_http_rate(void)
{
    g_autofree char *url = url_of("file");
    g_autofree char *slow = url_of("slow");
    DrvFetchRequest request = quick(url);
    gint64 begin = g_get_monotonic_time();

    request.limit_rate = "2m";
    assert_fetches(&request); /* 1.43 s worth */
    g_assert_cmpint(g_get_monotonic_time() - begin, >, G_USEC_PER_SEC / 2);
    for (const char *const *none = (const char *const[]){ "0", "0m", NULL }; *none;
         none++) {
        guint64 rate = 1;

        g_assert_true(drv_fetch_parse_rate(*none, &rate, NULL));
        g_assert_cmpuint(rate, ==, 0);
        request.limit_rate = *none; /* no limit */
        assert_fetches(&request);
    }
    request.limit_rate = "2 bananas";
    assert_fails(&request, DRV_ERROR_DUMP, "LIMIT_TRANSFER_BW '2 bananas'");
    request = quick(slow);           /* 1 MB/s, which never stalls */
    request.stall_timeout_ms = 2000; /* a loaded machine may be slow, too */
    request.min_rate = 50 << 20;
    request.no_retry = TRUE;
    assert_fails(&request, DRV_ERROR_TIMEOUT, "less than 52428800 bytes a second");
    request.min_rate = 1;
    assert_fetches(&request);
}

static void
test_http_secrets(void)
{
    g_autofree char *good =
        g_strdup_printf("http://user:pass@127.0.0.1:%u/auth?a=b", lab.port);
    g_autofree char *bad =
        g_strdup_printf("http://user:sesame@127.0.0.1:%u/auth?k=sesame", lab.port);
    const DrvFetchRequest works = quick(good);
    const DrvFetchRequest fails = quick(bad);
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) all = NULL;

    assert_fetches(&works);
    all = fetch(&fails, &error);
    assert_error_text(error, DRV_ERROR_PERMISSION, "/auth': 401");
    g_assert_null(strstr(error->message, "sesame"));
    g_assert_null(strstr(error->message, "user"));
}

static void
test_https(void)
{
    g_autofree char *url = g_strdup_printf("https://127.0.0.1:%u/file", lab.tls_port);
    DrvFetchRequest request = quick(url);

    assert_fails(&request, DRV_ERROR_FAILED, "certificate");
    request.insecure = TRUE;
    assert_fetches(&request);
}

static void
test_http_interrupt(void)
{
    g_autofree char *url = url_of("stall");
    const DrvFetchRequest request = quick(url);
    gint64 begin = g_get_monotonic_time();
    g_autoptr(GError) error = NULL;
    DrvSource *source = drv_source_new_threaded(drv_fetch_open(&request, &error));

    g_assert_no_error(error);
    drv_source_free(source); /* its thread waits for a stalled server */
    g_assert_cmpint(g_get_monotonic_time() - begin, <, 5 * G_USEC_PER_SEC);
}

static gpointer
send_term(gpointer data G_GNUC_UNUSED)
{
    kill(getpid(), SIGTERM);
    return NULL;
}

static void
test_http_cancel(void)
{
    g_autofree char *url = url_of("silent");
    const DrvFetchRequest request = quick(url);
    gint64 begin = g_get_monotonic_time();
    g_autoptr(GError) error = NULL;
    struct pollfd fds[2];
    char info[128];

    g_thread_join(g_thread_new("term", send_term, NULL));
    g_assert_null(drv_fetch_open(&request, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_CANCELLED);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, 2 * G_USEC_PER_SEC);
    g_assert_cmpuint(drv_cancel_fds(fds), ==, 1);
    g_assert_cmpint(read(fds[0].fd, info, sizeof info), >, 0);
}

/* What the origin says, before anything is read. */
static gboolean
fetch_size(const DrvFetchRequest *request, guint64 *size, GError **error)
{
    g_autoptr(DrvSource) source = drv_fetch_open(request, error);

    if (source == NULL)
        return FALSE;
    *size = drv_source_size_hint(source);
    return TRUE;
}

static void
test_size(void)
{
    g_autofree char *url = url_of("file");
    g_autofree char *chunked = url_of("chunked");
    g_autofree char *none = url_of("404");
    DrvFetchRequest request = quick(url);
    g_autoptr(GError) error = NULL;
    guint64 size = 0;

    must(fetch_size(&request, &size, &error));
    g_assert_cmpuint(size, ==, SIZE);
    request.url = chunked;
    must(fetch_size(&request, &size, &error));
    g_assert_cmpuint(size, ==, DRV_SOURCE_SIZE_UNKNOWN);
    request.url = none;
    g_assert_false(fetch_size(&request, &size, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_NOT_FOUND);
}

/* --- s3 ----------------------------------------------------------------------------- */

static const DrvFetchS3 keys = { .access_key_id = "AKID",
                                 .secret_access_key = "S3cret/+=" };

static void
test_s3(void)
{
    g_autofree char *endpoint = g_strdup_printf("http://127.0.0.1:%u/", lab.port);
    DrvFetchS3 s3 = keys;
    DrvFetchRequest request = quick("s3://bucket/image 1+~ä.qcow2");

    s3.endpoint = endpoint;
    request.s3 = &s3;
    assert_fetches(&request);
    s3.region = "eu-test-1";
    request.url = "s3://some/where/bucket/image";
    assert_fetches(&request);
    request.url = "s3://bucket/drop"; /* signed again for the second try */
    assert_fetches(&request);
    request.url = "s3://bucket/moved"; /* a signature is for one host only */
    assert_fails(&request, DRV_ERROR_FAILED, "unexpected status 302");
    request.url = "s3://bucket/image";
    s3.secret_access_key = "wrong";
    assert_fails(&request, DRV_ERROR_PERMISSION, "cannot fetch 's3://bucket/image': 403");
    s3.region = "x\r\nEvil: 1";
    assert_fails(&request, DRV_ERROR_DUMP, "invalid REGION");
    s3.region = NULL;
    s3.endpoint = "http://a@b/";
    assert_fails(
        &request, DRV_ERROR_DUMP, "invalid ENDPOINT, expected http(s)://host:port");
    s3.endpoint = NULL;
    assert_fails(&request, DRV_ERROR_DUMP, "ENDPOINT is needed unless AWS is yes");
    s3.secret_access_key = "";
    assert_fails(&request, DRV_ERROR_DUMP, "ACCESS_KEY_ID and SECRET_ACCESS_KEY");
    request.s3 = NULL;
    assert_fails(&request, DRV_ERROR_DUMP, "ACCESS_KEY_ID and SECRET_ACCESS_KEY");
}

static void
assert_target(const char *url, const DrvFetchS3 *s3, const char *expected)
{
    g_auto(DrvHttpTarget) target = { 0 };
    g_autoptr(GError) error = NULL;
    gboolean ok = drv_fetch_s3_target(url, s3, &target, &error);

    if (expected) {
        g_assert_no_error(error);
        g_assert_cmpstr(target.url, ==, expected);
    } else {
        g_assert_false(ok);
        g_assert_error(error, DRV_ERROR, DRV_ERROR_REFUSED);
    }
}

static void
test_s3_places(void)
{
    DrvFetchS3 s3 = keys;

    s3.aws = TRUE;
    assert_target("s3://b/o", &s3, "https://b.s3.us-east-1.amazonaws.com/o");
    s3.region = "cn-north-1";
    assert_target("s3://b/o", &s3, "https://b.s3.cn-north-1.amazonaws.com.cn/o");
    s3.region = "eu-west-1";
    assert_target(
        "s3://x/my.b/o%o", &s3, "https://s3.eu-west-1.amazonaws.com/my.b/o%25o");
    s3.aws = FALSE;
    s3.endpoint = "minio:9000";
    assert_target("s3://b/o", &s3, "https://minio:9000/b/o");
    s3.endpoint = "HTTP://h:80//";
    assert_target("s3://b/o", &s3, "http://h/b/o");
    assert_target("s3://b", &s3, NULL);
    assert_target("s3://b/", &s3, NULL);
    assert_target("s3://b/..", &s3, NULL);
    assert_target("s3://../o", &s3, NULL);
    assert_target("s3://b b/o", &s3, NULL);
}

/* --- ssh ---------------------------------------------------------------------------- */

static void
test_ssh(void)
{
    g_autofree char *content = in_lab("content");
    g_autofree char *colon = g_strdup_printf("ssh://me@host:%s", content);
    g_autofree char *slash = g_strdup_printf("ssh://host%s", content);
    g_autofree char *argv_file = in_lab("ssh-works/argv");
    g_autofree char *argv = NULL;
    DrvFetchRequest request = quick(slash);
    g_autoptr(GError) error = NULL;
    guint64 size = 0;

    assert_fetches(&request);
    request.url = "ssh://host:content";
    assert_fetches(&request);
    request.url = "ssh://host:~/content";
    assert_fetches(&request);
    request.url = colon;
    assert_fetches(&request);
    must(g_file_get_contents(argv_file, &argv, NULL, &error));
    g_assert_cmpstr(argv, ==, "-T\n-o\nBatchMode=yes\n-s\n--\nme@host\nsftp\n");
    must(fetch_size(&request, &size, &error));
    g_assert_cmpuint(size, ==, SIZE);
}

static void
test_ssh_edges(void)
{
    static const gsize sizes[] = {
        0, 1, 32767, 32768, 32769, 64 * 32768, 64 * 32768 + 1
    };

    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_auto(DrvFd) fd = scratch_open(lab.dir, "small");
        const DrvFetchRequest request = quick("ssh://host:small");
        g_autoptr(GError) error = NULL;
        g_autoptr(GByteArray) all = NULL;

        put_at(fd, lab.content, sizes[i], 0);
        all = fetch(&request, &error);
        g_assert_no_error(error);
        g_assert_cmpmem(all->data, all->len, lab.content, sizes[i]);
    }
}

static void
test_ssh_errors(void)
{
    static const Case list[] = {
        { "ssh://host:none", DRV_ERROR_NOT_FOUND, "'ssh://host:none': No such file", 0 },
        { "ssh://host:ssh-works", DRV_ERROR_REFUSED, "neither a file", 0 },
        { "ssh://deny:x",
          DRV_ERROR_COMMAND,
          "'ssh://deny:x': ssh: Permission denied (publickey)",
          0 },
        { "ssh://rubbish:x", DRV_ERROR_FAILED, "not from an sftp server", 0 },
        { "ssh://quiet:x", DRV_ERROR_TIMEOUT, "no answer from ssh", 0 },
        { "ssh://-oProxyCommand=x:y", DRV_ERROR_REFUSED, "expected ssh://host/path", 0 },
        { "ssh://a@-b:y", DRV_ERROR_REFUSED, "expected ssh://host/path", 0 },
        { "ssh://host", DRV_ERROR_REFUSED, "expected ssh://host/path", 0 },
        { "ssh://host:", DRV_ERROR_REFUSED, "expected ssh://host/path", 0 },
        { "ssh://:x", DRV_ERROR_REFUSED, "expected ssh://host/path", 0 },
        { "ssh://[-x]:y", DRV_ERROR_REFUSED, "expected ssh://host/path", 0 },
        { "ssh://h:~/", DRV_ERROR_REFUSED, "expected ssh://host/path", 0 },
        { "ssh://h$(id):x", DRV_ERROR_REFUSED, "expected ssh://host/path", 0 },
    };

    for (guint i = 0; i < G_N_ELEMENTS(list); i++) {
        DrvFetchRequest request = quick(list[i].name);

        request.stall_timeout_ms = strstr(list[i].name, "quiet") ? 200 : 20000;
        assert_fails(&request, list[i].code, list[i].text);
    }
}

/* --- the rest ----------------------------------------------------------------------- */

static void
test_path(void)
{
    g_autofree char *path = in_lab("content");
    g_autofree char *none = in_lab("none");
    g_auto(DrvFd) fd = reopen(lab.dir, "content");
    DrvFetchRequest request = quick(path);
    g_autoptr(GError) error = NULL;
    guint64 size = 0;

    assert_fetches(&request);
    must(fetch_size(&request, &size, &error));
    g_assert_cmpuint(size, ==, SIZE);
    request.url = lab.dir;
    assert_fails(&request, DRV_ERROR_REFUSED, "neither a file nor a block device");
    request.url = none;
    assert_fails(&request, DRV_ERROR_NOT_FOUND, "none': No such file");
    request.fd = fd; /* counts, and stays open and ours */
    assert_fetches(&request);
    assert_fetches(&request);
    request.fd = -1;
    request.url = "content";
    assert_fails(&request, DRV_ERROR_REFUSED, "neither an absolute path nor");
    request.url = "rbd://pool/image";
    assert_fails(&request, DRV_ERROR_REFUSED, "neither an absolute path nor");
}

static void
add_tests(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/fetch/http/%s", cases[i].name);

        g_test_add_data_func(path, &cases[i], test_http);
    }
    g_test_add_func("/fetch/http/no-retry", test_http_no_retry);
    g_test_add_func("/fetch/http/refused", test_http_refused);
    g_test_add_func("/fetch/http/stall", test_http_stall);
    g_test_add_func("/fetch/http/pause", test_http_pause);
    g_test_add_func("/fetch/http/rate", test_http_rate);
    g_test_add_func("/fetch/http/secrets", test_http_secrets);
    g_test_add_func("/fetch/http/tls", test_https);
    g_test_add_func("/fetch/http/interrupt", test_http_interrupt);
    g_test_add_func("/fetch/http/cancel", test_http_cancel);
    g_test_add_func("/fetch/size", test_size);
    g_test_add_func("/fetch/s3/get", test_s3);
    g_test_add_func("/fetch/s3/places", test_s3_places);
    g_test_add_func("/fetch/ssh/get", test_ssh);
    g_test_add_func("/fetch/ssh/edges", test_ssh_edges);
    g_test_add_func("/fetch/ssh/errors", test_ssh_errors);
    g_test_add_func("/fetch/path", test_path);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    int result;

    g_test_init(&argc, &argv, NULL);
    must(drv_cancel_init(&error));
    start_lab();
    add_tests();
    result = g_test_run();
    stop_lab();
    return result;
}
