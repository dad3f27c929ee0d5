/* SPDX-License-Identifier: Apache-2.0 */
/* What libvirt's test driver can do: life cycle, events, errors. */
#include <signal.h>

#include "base/cancel.h"
#include "base/error.h"
#include "request/xml.h"
#include "virt/disk.h"
#include "virt/domains.h"
#include "virt/freeze.h"
#include "virt/virt.h"
#include "virt/watch.h"

#define TINY                                                                             \
    "<domain type='test'><name>one-1</name>"                                             \
    "<uuid>11111111-2222-3333-4444-555555555555</uuid>"                                  \
    "<memory>8192</memory><vcpu>1</vcpu><os><type>hvm</type></os>"                       \
    "<devices><disk type='file'><source file='/d//0/1/disk.0'/><target dev='vda'/>"      \
    "<driver name='qemu' type='qcow2'/></disk></devices></domain>"

static DrvVirt *
test_open(void)
{
    g_autoptr(GError) error = NULL;
    DrvVirt *virt = drv_virt_open("test:///default", &error);

    g_assert_no_error(error);
    return virt;
}

static DrvDomain *
test_create(DrvVirt *virt)
{
    g_autoptr(GError) error = NULL;
    DrvDomain *domain = drv_virt_create(virt, TINY, 0, &error);

    g_assert_no_error(error);
    return domain;
}

static void
assert_state(DrvDomain *domain, DrvDomainState want)
{
    g_autoptr(GError) error = NULL;
    DrvDomainState state;
    gboolean ok = drv_domain_state(domain, &state, NULL, &error);

    g_assert_no_error(error);
    g_assert_true(ok);
    g_assert_cmpint(state, ==, want);
}

static void
test_find(void)
{
    g_autoptr(DrvVirt) virt = test_open();
    g_autoptr(DrvDomain) made G_GNUC_UNUSED = test_create(virt);
    static const char *const ids[] = { "one-1", "11111111-2222-3333-4444-555555555555" };
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autoptr(DrvDomain) found = drv_virt_find(virt, ids[i], &error);

        g_assert_no_error(error);
        g_assert_cmpstr(drv_domain_name(found), ==, "one-1");
        g_assert_cmpstr(drv_domain_uuid(found), ==, ids[1]);
    }
    g_assert_null(drv_virt_find(virt, "one-2", &error));
    g_assert_true(drv_error_is(error, DRV_ERROR_NOT_FOUND));
    g_clear_error(&error);
    /* A number that is nobody's is still looked for as a name. */
    g_assert_null(drv_virt_find(virt, "4711", &error));
    g_assert_true(drv_error_is(error, DRV_ERROR_NOT_FOUND));
}

static void
test_no_daemon(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvVirt) virt =
        drv_virt_open("qemu+unix:///system?socket=/nonexistent/sock", &error);

    g_assert_null(virt);
    g_assert_true(drv_error_is(error, DRV_ERROR_VIRT));
}

static void
assert_persistent(DrvVirt *virt, DrvDomain *domain, gboolean want)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvDomainFacts) facts =
        drv_domains_look(virt, drv_domain_uuid(domain), &error);

    g_assert_no_error(error);
    g_assert_cmpint(facts->persistent, ==, want);
}

static void
test_transient_end(void)
{
    g_autoptr(DrvVirt) virt = test_open();
    g_autoptr(DrvDomain) domain = test_create(virt);
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvWatch) watch = drv_watch_new(domain, DRV_EVENT_LIFECYCLE, &error);
    gint64 start = g_get_monotonic_time();
    gboolean gone = TRUE;

    g_assert_no_error(error);
    assert_state(domain, DRV_STATE_RUNNING);
    assert_persistent(virt, domain, FALSE);
    g_assert_true(drv_watch_gone(watch, 10, &gone, &error));
    g_assert_false(gone);
    g_assert_true(drv_domain_shutdown(domain, &error));
    g_assert_true(drv_watch_gone(watch, 5000, &gone, &error));
    g_assert_true(gone);
    assert_state(domain, DRV_STATE_ABSENT);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 1900 * 1000);
    g_assert_false(drv_domain_reboot(domain, &error));
    g_assert_true(drv_error_is(error, DRV_ERROR_NOT_FOUND));
    g_clear_error(&error);
    g_assert_true(drv_domain_destroy(domain, &error)); /* already done is done */
}

static void
test_persistent_end(void)
{
    g_autoptr(DrvVirt) virt = test_open();
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvDomain) domain = drv_virt_find(virt, "test", &error);

    g_assert_no_error(error);
    assert_persistent(virt, domain, TRUE);
    g_assert_true(drv_domain_destroy(domain, &error));
    assert_state(domain, DRV_STATE_OFF);
    g_assert_true(drv_domain_destroy(domain, &error));
}

static void
test_events(void)
{
    g_autoptr(DrvVirt) virt = test_open();
    g_autoptr(DrvDomain) domain = test_create(virt);
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvWatch) watch = drv_watch_new(domain, DRV_EVENT_LIFECYCLE, &error);
    DrvEvent event;

    g_assert_no_error(error);
    g_assert_true(drv_domain_suspend(domain, &error));
    g_assert_true(drv_domain_resume(domain, &error));
    for (guint i = 0; i < 2; i++) {
        g_assert_true(drv_watch_next(watch, &event, 5000, &error));
        g_assert_cmpint(event.kind, ==, DRV_EVENT_LIFECYCLE);
        g_assert_cmpint(event.what, ==, i == 0 ? 3 : 4); /* suspended, resumed */
    }
    g_assert_true(drv_watch_next(watch, &event, 10, &error));
    g_assert_cmpint(event.kind, ==, 0);
}

static void
test_disks(void)
{
    g_autoptr(DrvVirt) virt = test_open();
    g_autoptr(DrvDomain) domain = test_create(virt);
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvDisk) by_target = drv_disk_find(domain, "vda", &error);

    g_assert_no_error(error);
    g_assert_cmpstr(by_target->source, ==, "/d//0/1/disk.0");
    g_assert_cmpstr(by_target->format, ==, "qcow2");
    g_assert_null(drv_disk_find(domain, "vdaa", &error));
    g_assert_true(drv_error_is(error, DRV_ERROR_FAILED));
}

/* The test driver counts the disks that were not frozen before. */
static void
assert_not_frozen(DrvDomain *domain, gboolean want)
{
    g_autoptr(GError) error = NULL;
    guint n = 4711;

    g_assert_true(drv_freeze_filesystems(domain, 5, &n, &error));
    g_assert_cmpuint(MIN(n, 1), ==, want ? 1 : 0);
    if (want)
        g_assert_true(drv_freeze_thaw(domain, &error));
}

static void
test_quiet(void)
{
    g_autoptr(DrvVirt) virt = test_open();
    g_autoptr(DrvDomain) domain = test_create(virt);
    g_autoptr(GError) error = NULL;

    {
        g_auto(DrvFreeze) quiet = DRV_FREEZE_INIT;

        g_assert_true(drv_freeze_begin(&quiet, domain, 5, &error));
        g_assert_cmpint(quiet.how, ==, DRV_FREEZE_FROZEN);
        assert_not_frozen(domain, FALSE);
    }
    assert_not_frozen(domain, TRUE);
    assert_state(domain, DRV_STATE_RUNNING);
    g_assert_true(drv_domain_suspend(domain, &error));
    {
        g_auto(DrvFreeze) quiet = DRV_FREEZE_INIT;

        g_assert_true(drv_freeze_begin(&quiet, domain, 5, &error));
        g_assert_cmpint(quiet.how, ==, DRV_FREEZE_NONE);
    }
    assert_state(domain, DRV_STATE_PAUSED); /* as it was */
}

/* In a child, because a signal that has come stays pending. */
static void
test_cancel(void)
{
    if (g_test_subprocess()) {
        g_autoptr(DrvVirt) virt = test_open();
        g_autoptr(DrvDomain) domain = test_create(virt);
        g_autoptr(GError) error = NULL;
        g_autoptr(DrvWatch) watch = drv_watch_new(domain, DRV_EVENT_LIFECYCLE, &error);
        gboolean gone;

        {
            g_auto(DrvFreeze) quiet = DRV_FREEZE_INIT;

            g_assert_true(drv_freeze_begin(&quiet, domain, 5, &error));
            kill(getpid(), SIGTERM);
            g_assert_false(drv_watch_gone(watch, 60000, &gone, &error));
            g_assert_true(drv_error_is(error, DRV_ERROR_CANCELLED));
            g_clear_error(&error);
            g_assert_false(drv_domain_reset(domain, &error));
            g_assert_true(drv_error_is(error, DRV_ERROR_CANCELLED));
            g_clear_error(&error);
        }
        DRV_CANCEL_SHIELD();
        assert_not_frozen(domain, TRUE);
        return;
    }
    g_test_trap_subprocess(NULL, 30 * G_USEC_PER_SEC, 0);
    g_test_trap_assert_passed();
}

static void
test_metadata(void)
{
    g_autoptr(DrvVirt) virt = test_open();
    g_autoptr(DrvDomain) domain = test_create(virt);
    g_autoptr(GError) error = NULL;
    g_autofree char *xml = NULL;

    g_assert_true(drv_domain_metadata(domain, "http://x/1", &xml, &error));
    g_assert_null(xml);
    g_assert_true(
        drv_domain_set_metadata(domain, "x", "http://x/1", "<vm><a>1</a></vm>", &error));
    g_assert_true(drv_domain_metadata(domain, "http://x/1", &xml, &error));
    g_assert_nonnull(strstr(xml, "<a>1</a>"));
}

/* For end to end tests: make a domain quiet, say how, and wait to be killed. */
static int
hold(const char *uri, const char *id)
{
    static const char *const words[] = { "not quiet", "frozen", "paused" };
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvVirt) virt = drv_virt_open(uri, &error);
    g_autoptr(DrvDomain) domain = virt ? drv_virt_find(virt, id, &error) : NULL;
    g_auto(DrvFreeze) quiet = DRV_FREEZE_INIT;

    if (domain == NULL || !drv_freeze_begin(&quiet, domain, 5, &error))
        return 1;
    g_print("%s\n", words[quiet.how]);
    fflush(NULL);
    return drv_poll(NULL, 0, -1, &error) < 0;
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    if (argc == 4 && strcmp(argv[1], "--hold") == 0)
        return drv_cancel_init(&error) ? hold(argv[2], argv[3]) : 1;

    g_test_init(&argc, &argv, NULL);
    if (!drv_cancel_init(&error))
        g_error("%s", error->message);
    g_test_add_func("/virt/find", test_find);
    g_test_add_func("/virt/no-daemon", test_no_daemon);
    g_test_add_func("/virt/end/transient", test_transient_end);
    g_test_add_func("/virt/end/persistent", test_persistent_end);
    g_test_add_func("/virt/events", test_events);
    g_test_add_func("/virt/disks", test_disks);
    g_test_add_func("/virt/quiet", test_quiet);
    g_test_add_func("/virt/cancel", test_cancel);
    g_test_add_func("/virt/metadata", test_metadata);
    return g_test_run();
}
