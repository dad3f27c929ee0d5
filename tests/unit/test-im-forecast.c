/* SPDX-License-Identifier: Apache-2.0 */
/* Forecasts: the method, its models' file, and the settings. */
#include <math.h>
#include <string.h>

#include "base/action.h"
#include "im/state/forecast-private.h"
#include "template.h"

#define START 1.7e9 /* seconds since the epoch */
#define DAY 86400.0

/* --- the method ----------------------------------------------------------------------
 */

static void
feed(Holt *holt, double from, double to, double step, double first, double slope)
{
    for (double at = from; at <= to; at += step)
        holt_add(holt, START + at, first + slope * (at - from));
}

static void
assert_near(double value, double want, double off)
{
    g_assert_cmpfloat(fabs(value - want), <=, off);
}

static void
test_constant(void)
{
    Holt holt = { .forgets = 300 };

    feed(&holt, 0, 3000, 30, 42, 0);
    assert_near(holt_ahead(&holt, 300), 42, 1e-9);
    assert_near(holt_ahead(&holt, 1e9), 42, 1e-9);
}

static void
test_slope(void)
{
    Holt holt = { .forgets = 300 };

    feed(&holt, 0, 6000, 30, 100, 0.5); /* ends at 3100 */
    assert_near(holt.trend, 0.5, 0.01);
    assert_near(holt_ahead(&holt, 0), 3100, 5);
    /* What is ahead fades: between now and the straight line, and never far beyond. */
    g_assert_cmpfloat(holt_ahead(&holt, 300), >, 3100 + 0.5 * 300 * 0.5);
    g_assert_cmpfloat(holt_ahead(&holt, 300), <, 3100 + 0.5 * 300);
    g_assert_cmpfloat(holt_ahead(&holt, 1e9), <, 3100 + 0.5 * 300 + 5);
}

static void
test_falls(void)
{
    Holt holt = { .forgets = 300 };

    feed(&holt, 0, 970, 10, 100, -0.1);
    g_assert_cmpfloat(holt_ahead(&holt, 300), ==, 0);
}

/* The same course told at other times is the same forecast. */
static void
test_uneven(void)
{
    Holt often = { .forgets = 600 }, seldom = { .forgets = 600 };

    feed(&often, 0, 7200, 5, 10, 0.01);
    feed(&seldom, 0, 7200, 60, 10, 0.01);
    assert_near(holt_ahead(&often, 600), holt_ahead(&seldom, 600), 0.5);
}

static void
test_gaps(void)
{
    Holt holt = { .forgets = 300 };

    feed(&holt, 0, 3000, 30, 42, 0);
    holt_add(&holt, START + 3000 + 10 * 300, 7);
    assert_near(holt_ahead(&holt, 300), 7, 1e-9);
    g_assert_cmpfloat(holt.since, ==, START + 3000 + 10 * 300);
    holt_add(&holt, START, 9); /* the clock was set back */
    assert_near(holt_ahead(&holt, 300), 9, 1e-9);
    holt_add(&holt, START, 1e9); /* twice at one time */
    assert_near(holt_ahead(&holt, 300), 9, 1e-9);
}

/* --- in a context --------------------------------------------------------------------
 */

typedef struct {
    char *dir;
    ImContext *im;
    GString *out;
} Fake;

static void
begin(Fake *fake)
{
    GError *error = NULL;

    g_clear_pointer(&fake->im, im_context_free);
    fake->im = im_context_new("kvm", "3", "host01", NULL, &error);
    g_assert_no_error(error);
    g_free(fake->im->db);
    fake->im->db = g_build_filename(fake->dir, "db", NULL);
}

static void
set_up(Fake *fake, gconstpointer data)
{
    const char *release = data;

    fake->dir = scratch_new();
    fake->out = g_string_new(NULL);
    scratch_put(fake->dir, "VERSION", release ? release : "7.4.0");
    drv_action_set_remotes_dir(fake->dir);
    begin(fake);
}

static void
tear_down(Fake *fake, gconstpointer data)
{
    (void)data;
    im_context_free(fake->im);
    g_string_free(fake->out, TRUE);
    scratch_remove(fake->dir);
}

/* What is told of a figure of 50 that came every minute of so long. */
static const char *
told_after(Fake *fake, double seconds)
{
    ImForecast *forecast = im_forecast(fake->im, "host");

    g_assert_nonnull(forecast);
    for (double at = 0; at <= seconds; at += 60) {
        forecast->now = START + at;
        g_string_truncate(fake->out, 0);
        im_forecast_add(forecast, "host", "USEDCPU", 50, 40, fake->out);
    }
    g_assert_true(template_is_good(fake->out->str));
    im_forecast_save(fake->im, forecast);
    return fake->out->str;
}

static void
test_when_known(Fake *fake, gconstpointer data)
{
    (void)data;
    g_assert_cmpstr(told_after(fake, 60), ==, "");
    begin(fake);
    g_assert_cmpstr(told_after(fake, 600), ==, "USEDCPU_FORECAST=\"40.00\"\n");
    g_assert_cmpstr(told_after(fake, DAY / 2),
                    ==,
                    "USEDCPU_FORECAST=\"40.00\"\nUSEDCPU_FORECAST_FAR=\"40.00\"\n");
}

static void
test_lasts(Fake *fake, gconstpointer data)
{
    ImForecast *forecast;

    (void)data;
    (void)told_after(fake, DAY / 2);
    begin(fake);
    forecast = im_forecast(fake->im, "host");
    forecast->now = START + DAY / 2 + 60;
    g_string_truncate(fake->out, 0);
    im_forecast_add(forecast, "host", "USEDCPU", 50, HUGE_VAL, fake->out);
    g_assert_cmpstr(fake->out->str,
                    ==,
                    "USEDCPU_FORECAST=\"50.00\"\nUSEDCPU_FORECAST_FAR=\"50.00\"\n");
    /* What is not seen for a day is forgotten. */
    forecast->now += 2 * DAY;
    im_forecast_save(fake->im, forecast);
    g_assert_cmpuint(g_hash_table_size(forecast->pairs), ==, 0);
}

static void
test_spoiled(Fake *fake, gconstpointer data)
{
    static const char *const files[] = {
        "",
        "no key file",
        "[host]\nUSEDCPU=1;2;3\n",
        "[host]\nUSEDCPU=x;;;;;;;\n",
        "[host]\nUSEDCPU=nan;nan;nan;nan;inf;1;1;1;\n",
        "[host]\nUSEDCPU=1e300;1e300;1e300;1e300;1e300;1e300;1e300;1e300;\n",
    };

    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        scratch_put(fake->dir, "db/.forecast-host-3", files[i]);
        begin(fake);
        g_assert_cmpstr(told_after(fake, 600), ==, "USEDCPU_FORECAST=\"40.00\"\n");
    }
}

static void
test_settings(Fake *fake, gconstpointer data)
{
    (void)data;
    scratch_put(fake->dir,
                "etc/im/kvm-probes.d/forecast.conf",
                "host:\n  forecast:\n    enabled: false\n    period: 5\n"
                "  forecast_far:\n    enabled: true\n    period: 20\n");
    g_assert_cmpstr(told_after(fake, 600), ==, "USEDCPU_FORECAST_FAR=\"40.00\"\n");
    scratch_put(fake->dir,
                "etc/im/kvm-probes.d/forecast.conf",
                "host:\n  forecast: { enabled: no }\n  forecast_far: { enabled: no }\n");
    g_assert_cmpstr(told_after(fake, 600), ==, "");
}

static void
test_rate(Fake *fake, gconstpointer data)
{
    ImForecast *forecast = im_forecast(fake->im, "virtualmachine");

    (void)data;
    im_forecast_add_rate(fake->im, forecast, "vm", "NETRX", 1000, fake->out);
    g_assert_cmpstr(fake->out->str, ==, "");
    g_usleep(150 * 1000);
    im_forecast_add_rate(fake->im, forecast, "vm", "NETRX", 2000, fake->out);
    g_assert_true(g_str_has_prefix(fake->out->str, "NETRX_BW=\""));
    assert_near(g_ascii_strtod(fake->out->str + strlen("NETRX_BW=\""), NULL), 4000, 3000);
    g_string_truncate(fake->out, 0);
    im_forecast_add_rate(fake->im, forecast, "vm", "NETRX", 10, fake->out);
    g_assert_cmpstr(fake->out->str, ==, ""); /* it began again */
}

/* In a process of its own, since the release is read once. */
static void
test_before_seven(Fake *fake, gconstpointer data)
{
    (void)data;
    if (!g_test_subprocess()) {
        g_test_trap_subprocess(NULL, 10 * G_USEC_PER_SEC, 0);
        g_test_trap_assert_passed();
        return;
    }
    g_assert_null(im_forecast(fake->im, "host"));
    im_forecast_add(NULL, "host", "USEDCPU", 50, 100, fake->out);
    im_forecast_add_rate(fake->im, NULL, "host", "NETRX", 50, fake->out);
    im_forecast_save(fake->im, NULL);
    g_assert_cmpstr(fake->out->str, ==, "");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/im/holt/constant", test_constant);
    g_test_add_func("/im/holt/slope", test_slope);
    g_test_add_func("/im/holt/falls", test_falls);
    g_test_add_func("/im/holt/uneven", test_uneven);
    g_test_add_func("/im/holt/gaps", test_gaps);
    g_test_add("/im/forecast/known", Fake, NULL, set_up, test_when_known, tear_down);
    g_test_add("/im/forecast/lasts", Fake, NULL, set_up, test_lasts, tear_down);
    g_test_add("/im/forecast/spoiled", Fake, NULL, set_up, test_spoiled, tear_down);
    g_test_add("/im/forecast/settings", Fake, NULL, set_up, test_settings, tear_down);
    g_test_add("/im/forecast/rate", Fake, NULL, set_up, test_rate, tear_down);
    g_test_add("/im/forecast/6.10", Fake, "6.10.5", set_up, test_before_seven, tear_down);
    return g_test_run();
}
