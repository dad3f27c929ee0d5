/* SPDX-License-Identifier: Apache-2.0 */
/* Where an op runs, and when another host is asked.  All hosts are this machine: what is
 * on others is in tests/bats/tm-*.bats.
 */
#include "base/error.h"
#include "base/log.h"
#include "scratch.h"
#include "transport/dispatch.h"

typedef struct {
    guint runs;
    DrvErrorCode fail_first; /* DRV_ERROR_LAST: not at all */
    guint fails;             /* so often */
    gboolean nothing;
} Request;

static gboolean
run(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    Request *request = (Request *)data;

    (void)in;
    if (request->runs++ < request->fails)
        return drv_throw(error, request->fail_first, "try %u", request->runs);
    if (result)
        *result = g_strdup_printf("at try %u", request->runs);
    return TRUE;
}

static DrvWhere
where(gconstpointer data)
{
    return ((const Request *)data)->nothing ? DRV_NOWHERE : DRV_AT_DATA;
}

static const DrvOp op = { .name = "test.op", .run = run, .where = where };
static const DrvOp here = { .name = "test.here", .run = run, .where = drv_op_anywhere };

static const char *const three[] = { "", "localhost", "", NULL };

static void
log_hosts(DrvLogLevel level, const char *text, gpointer data)
{
    if (level == DRV_LOG_WARN)
        g_string_append_printf(data, "%s\n", text);
}

static void
test_is_here(void)
{
    g_assert_true(drv_dispatch_is_here(""));
    g_assert_true(drv_dispatch_is_here("localhost"));
    g_assert_true(drv_dispatch_is_here(g_get_host_name()));
    g_assert_false(drv_dispatch_is_here("localhost.localdomain"));
    g_assert_false(drv_dispatch_is_here(" "));
}

static void
test_next_host(void)
{
    Request request = { .fail_first = DRV_ERROR_NO_HOST, .fails = 2 };
    g_autoptr(GString) warned = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *result = NULL;

    drv_log_set_sink(log_hosts, warned);
    must(drv_dispatch_any(three, &op, &request, NULL, &result, &error));
    drv_log_set_sink(NULL, NULL);
    g_assert_cmpstr(result, ==, "at try 3");
    g_assert_cmpstr(warned->str,
                    ==,
                    "skipping host : try 1\n"
                    "skipping host localhost: try 2\n");
}

static void
test_all_hosts_down(void)
{
    Request request = { .fail_first = DRV_ERROR_NO_HOST, .fails = 9 };
    g_autoptr(GString) warned = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    drv_log_set_sink(log_hosts, warned);
    g_assert_false(drv_dispatch_any(three, &op, &request, NULL, NULL, &error));
    drv_log_set_sink(NULL, NULL);
    assert_error_text(error, DRV_ERROR_NO_HOST, "try 3");
    g_assert_cmpuint(request.runs, ==, 3);
}

/* A host that does not reach the storage has begun nothing, but may have read a stream.
 */
static void
test_no_storage(void)
{
    static const DrvSourceOps no_data = { .read = NULL };
    g_autoptr(DrvSource) in = drv_source_new(&no_data, NULL, "nothing");
    Request request = { .fail_first = DRV_ERROR_NO_STORAGE, .fails = 1 };
    Request streamed = request;
    g_autofree char *result = NULL;
    g_autoptr(GError) error = NULL;

    must(drv_dispatch_any(three, &op, &request, NULL, &result, &error));
    g_assert_cmpstr(result, ==, "at try 2");
    g_assert_false(drv_dispatch_any(three, &op, &streamed, in, NULL, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_NO_STORAGE);
    g_assert_cmpuint(streamed.runs, ==, 1);
}

/* What may have been begun at one host is never begun at another. */
static void
test_no_next_host(void)
{
    for (DrvErrorCode code = DRV_ERROR_FAILED; code < DRV_ERROR_LAST; code++) {
        Request request = { .fail_first = code, .fails = 1 };
        g_autoptr(GError) error = NULL;

        if (code == DRV_ERROR_NO_HOST || code == DRV_ERROR_NO_STORAGE)
            continue;
        g_assert_false(drv_dispatch_any(three, &op, &request, NULL, NULL, &error));
        g_assert_error(error, DRV_ERROR, (int)code);
        g_assert_cmpuint(request.runs, ==, 1);
    }
}

static gboolean
complete(gpointer request, gpointer data, GError **error)
{
    ((Request *)request)->runs += 10;
    return *(gboolean *)data || drv_throw(error, DRV_ERROR_CORE, "no facts");
}

static void
test_complete(void)
{
    const DrvOp *const ops[] = { &op, &here };
    static const char *const hosts[] = { "", "host-that-is-not-asked" };
    gboolean good = TRUE, bad = FALSE;

    for (guint i = 0; i < G_N_ELEMENTS(ops); i++) {
        Request request = { .fails = 0 }, other = { .fails = 0 };
        g_autoptr(GError) error = NULL;

        must(drv_dispatch_incomplete(
            hosts[i], ops[i], &request, complete, &good, NULL, &error));
        g_assert_cmpuint(request.runs, ==, 11);
        g_assert_false(drv_dispatch_incomplete(
            hosts[i], ops[i], &other, complete, &bad, NULL, &error));
        assert_error_text(error, DRV_ERROR_CORE, "no facts");
        g_assert_cmpuint(other.runs, ==, 10);
    }
}

static void
test_nothing(void)
{
    Request request = { .nothing = TRUE };
    g_autoptr(GError) error = NULL;

    must(drv_dispatch("host-that-is-not-asked", &op, &request, NULL, NULL, &error));
    g_assert_cmpuint(request.runs, ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/place/is-here", test_is_here);
    g_test_add_func("/place/next-host", test_next_host);
    g_test_add_func("/place/all-hosts-down", test_all_hosts_down);
    g_test_add_func("/place/no-storage", test_no_storage);
    g_test_add_func("/place/no-next-host", test_no_next_host);
    g_test_add_func("/place/complete", test_complete);
    g_test_add_func("/place/nothing", test_nothing);
    return g_test_run();
}
