/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/pscom.h"

#include <string.h>

#include "agent/mqttd/mail.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"

static char *
topic_of(const char *pattern, const char *vm)
{
    g_autoptr(GString) topic = g_string_new(pattern);

    g_string_replace(topic, "<vm_name>", vm, 0);
    return g_string_free(g_steal_pointer(&topic), FALSE);
}

static gboolean
request(Work *work, const char *vm, const char *word, GError **error)
{
    const Config *config = work->config;
    g_autofree char *topic = topic_of(config->pscom_request_topic, vm);
    g_autofree char *text =
        config->pscom_form ? g_strdup(word) : g_strdup_printf("task: %s\n", word);

    return mail_publish(work->broker, topic, text, (int)config->pscom_qos, error);
}

/* Who answered counts, not how often: the topic names the process. */
static void
collect(Listener *listener, gint64 procs, gint64 timeout_s, GHashTable *answered)
{
    for (;;) {
        gint64 deadline = g_get_monotonic_time() + timeout_s * G_USEC_PER_SEC;
        g_autoptr(Mail) mail = NULL;

        if (procs != PROCS_AUTO && g_hash_table_size(answered) >= procs)
            return;
        mail = mail_next(listener, deadline);
        if (mail == NULL)
            return;
        g_hash_table_add(answered, g_steal_pointer(&mail->topic));
    }
}

static gboolean
ask(Work *work, const char *vm, gint64 procs, Listener *listener, GError **error)
{
    g_autoptr(GHashTable) answered =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    gint64 timeout_s = work->config->pscom_timeout_s;

    if (!mail_is_heard(listener, g_get_monotonic_time() + timeout_s * G_USEC_PER_SEC))
        return drv_cancel_check(error) &&
               drv_throw(error,
                         DRV_ERROR_TIMEOUT,
                         "the broker did not confirm the topic of pscom's answers");
    if (!request(work, vm, "suspend", error))
        return FALSE;
    collect(listener, procs, timeout_s, answered);
    if (procs == PROCS_AUTO || g_hash_table_size(answered) >= procs)
        return TRUE;
    if (g_hash_table_size(answered) > 0)
        pscom_resume(work, vm);
    return drv_cancel_check(error) &&
           drv_throw(error,
                     DRV_ERROR_TIMEOUT,
                     "%u of %" G_GINT64_FORMAT " pscom processes have suspended",
                     g_hash_table_size(answered),
                     procs);
}

gboolean
pscom_suspend(Work *work, const char *vm, gint64 procs, GError **error)
{
    g_autofree char *topic = topic_of(work->config->pscom_response_topic, vm);
    gint64 began = g_get_monotonic_time();
    Listener *listener;
    gboolean ok;

    if (procs == 0)
        return TRUE;
    if (strpbrk(vm, "+#/"))
        return drv_throw(error, DRV_ERROR_USAGE, "'%s' cannot be part of a topic", vm);
    listener = mail_listen(work->broker, topic, (int)work->config->pscom_qos);
    ok = ask(work, vm, procs, listener, error);
    mail_unlisten(work->broker, listener);
    work_time(work, "pscom-suspend", vm, began);
    return ok;
}

void
pscom_resume(Work *work, const char *vm)
{
    gint64 began = g_get_monotonic_time();
    g_autoptr(GError) error = NULL;

    if (!request(work, vm, "resume", &error))
        drv_warn("pscom processes of '%s' stay suspended: %s", vm, error->message);
    work_time(work, "pscom-resume", vm, began);
}
