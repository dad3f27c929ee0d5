/* SPDX-License-Identifier: Apache-2.0 */
/* drv doctor: whether front-end and hosts fit together. */
#include <stdlib.h>

#include "agent/drv/doctor.h"
#include "agent/drv/print.h"
#include "base/action.h"
#include "transport/remote.h"

#define CLOCK_US (2 * G_USEC_PER_SEC)
#define FRONT_END "front-end"

typedef struct {
    const Drv *drv;
    guint errors, warnings;
} Summary;

/* --- what is found ---------------------------------------------------------------------
 */

static void
print_finding(Summary *summary, const char *where, json_object *finding)
{
    gboolean is_error = g_strcmp0(drv_json_text(finding, "level", ""), "error") == 0;
    const char *mend = drv_json_text(finding, "mend", "");

    if (is_error)
        summary->errors++;
    else
        summary->warnings++;
    if (summary->drv->json) {
        drv_json_add_text(finding, "where", where);
        print_json(finding, FALSE);
        return;
    }
    print_line("%s: %s: %s: %s",
               where,
               is_error ? "error" : "warning",
               drv_json_text(finding, "subject", ""),
               drv_json_text(finding, "what", ""));
    print_line("    why it matters: %s", drv_json_text(finding, "why", ""));
    if (*mend)
        print_line("    to mend it: %s", mend);
}

static void
print_findings(Summary *summary, const char *where, json_object *findings)
{
    for (gsize i = 0; i < json_size(findings); i++) {
        json_object *finding = json_element(findings, i);

        if (json_object_is_type(finding, json_type_object)) /* a host may say anything */
            print_finding(summary, where, finding);
    }
}

/* What a look could not say, since it did not take place. */
static void
print_failure(Summary *summary, const char *where, const char *mend, const char *what)
{
    g_autoptr(json_object) findings = json_object_new_array();

    doctor_add(findings,
               DOCTOR_ERROR,
               "worker",
               "no action can be done there",
               mend,
               "%s",
               what);
    print_findings(summary, where, findings);
}

/* --- the front-end ---------------------------------------------------------------------
 */

static gboolean
look_here(Summary *summary, const Cloud *cloud, GError **error)
{
    g_autoptr(DoctorLook) look = cloud_look_at(cloud, NULL);
    g_autofree char *text = NULL;
    g_autoptr(json_object) report = NULL;

    if (!doctor_look.run(look, NULL, &text, error))
        return FALSE;
    report = drv_json_parse_object("the report", text, -1, error);
    if (report == NULL)
        return FALSE;
    doctor_front_end(cloud, drv_json_member(report, "findings"));
    print_findings(summary, FRONT_END, drv_json_member(report, "findings"));
    return TRUE;
}

/* --- hosts -----------------------------------------------------------------------------
 */

static void
check_clock(gint64 began, json_object *report, json_object *findings)
{
    gint64 there = drv_json_number(report, "time", 0);
    gint64 now = g_get_real_time();
    gint64 off = there < began ? there - began : there > now ? there - now : 0;

    if (ABS(off) >= CLOCK_US)
        doctor_add(findings,
                   DOCTOR_WARNING,
                   "clock",
                   "times in logs and of monitoring do not fit; migrations stumble",
                   "timedatectl set-ntp true",
                   "it differs from the front-end's by %+.1f s",
                   (double)off / G_USEC_PER_SEC);
}

static void
look_at(Summary *summary, const Cloud *cloud, const CloudHost *host, DrvRemote *remote)
{
    g_autoptr(DoctorLook) look = cloud_look_at(cloud, host);
    g_autofree char *mend = g_strdup_printf("ssh %s true", host->name);
    g_autoptr(json_object) ours = json_object_new_array();
    g_autofree char *text = NULL;
    g_autoptr(json_object) report = NULL;
    g_autoptr(GError) error = NULL;
    gint64 began = g_get_real_time();

    if (drv_remote_run(
            remote, doctor_look.name, drv_request_pack(look), NULL, &text, &error))
        report = drv_json_parse_object("the report", text, -1, &error);
    if (report == NULL) {
        print_failure(summary, host->name, mend, error->message);
        return;
    }
    check_clock(began, report, ours);
    print_findings(summary, host->name, ours);
    print_findings(summary, host->name, drv_json_member(report, "findings"));
}

/* All are being connected to while the first is looked at. */
static void
look_at_hosts(Summary *summary, const Cloud *cloud)
{
    guint n = cloud->hosts->len;
    g_autofree DrvRemote **remotes = g_new0(DrvRemote *, n);

    for (guint i = 0; i < n; i++) {
        const CloudHost *host = cloud->hosts->pdata[i];
        g_autoptr(GError) error = NULL;

        remotes[i] = drv_remote_open_with_agent(host->name, DRV_WORKER_PLAIN, &error);
        if (remotes[i] == NULL)
            print_failure(summary, host->name, "", error->message);
    }
    for (guint i = 0; i < n; i++) {
        if (remotes[i] == NULL)
            continue;
        look_at(summary, cloud, cloud->hosts->pdata[i], remotes[i]);
        drv_remote_free(remotes[i]);
    }
}

/* --- the verb --------------------------------------------------------------------------
 */

static gboolean
doctor(Drv *drv, char **words, GError **error)
{
    Summary summary = { .drv = drv };
    g_autofree char *remotes = g_build_filename(drv_action_var_dir(), "remotes", NULL);
    g_autoptr(Cloud) cloud = NULL;
    gboolean ok;

    (void)words;
    drv_action_set_remotes_dir(remotes);
    cloud = cloud_read(error);
    if (cloud == NULL)
        return FALSE;
    cloud_make_nonces(cloud);
    ok = look_here(&summary, cloud, error);
    if (ok)
        look_at_hosts(&summary, cloud);
    cloud_remove_nonces(cloud);
    if (!ok)
        return FALSE;
    if (!drv->json && !drv->quiet)
        print_line("%u hosts, %u datastores: %u errors, %u warnings",
                   cloud->hosts->len,
                   cloud->datastores->len,
                   summary.errors,
                   summary.warnings);
    return summary.errors == 0 ||
           drv_throw(error, DRV_ERROR_FAILED, "%u errors were found", summary.errors);
}

static const Verb verbs[] = {
    { NULL,
      "",
      "whether front-end and hosts fit together",
      0,
      0,
      WORD_HERE,
      NULL,
      doctor },
    { NULL, NULL, NULL, 0, 0, WORD_ANY, NULL, NULL },
};

const Noun noun_doctor = { "doctor", "front-end and hosts", verbs };
