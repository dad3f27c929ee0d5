/* SPDX-License-Identifier: Apache-2.0 */
/* drv host ..., drv diagnostics, drv metrics: the host, and the agent itself. */
#include <string.h>

#include "agent/drv/drv.h"
#include "agent/drv/print.h"

/* What asks libvirt may be a task; its result is the answer then. */
static json_object *
ask(Drv *drv, const char *method, const char *what, GError **error)
{
    g_autoptr(json_object) answer = NULL;
    g_autoptr(json_object) task = NULL;
    g_autoptr(json_object) nothing = NULL;
    Drv quiet = *drv;
    gboolean ok;

    if (!client_call(&drv->client, method, client_args(NULL, NULL), 0, &answer, error))
        return NULL;
    if (!json_object_is_type(answer, json_type_string))
        return g_steal_pointer(&answer);
    quiet.quiet = TRUE;
    quiet.json = FALSE;
    ok = follow_task(&quiet, json_object_get_string(answer), what, 0, &task, error);
    drv->client = quiet.client;
    if (!ok)
        return NULL;
    /* A question is nothing to be remembered. */
    (void)!client_call(&drv->client,
                       "Task.destroy",
                       client_args("id", json_object_get_string(answer)),
                       0,
                       &nothing,
                       NULL);
    return json_object_get(
        drv_json_member(json_element(drv_json_member(task, "state"), 1), "result"));
}

static gboolean
show(Drv *drv, const char *method, const char *what, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(json_object) answer = ask(drv, method, what, &why);

    if (why) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (drv->json)
        print_json(answer, FALSE);
    else
        print_tree(answer);
    return TRUE;
}

static gboolean
host_info(Drv *drv, char **words, GError **error)
{
    (void)words;
    return show(drv, "HOST.info", "look at the host", error);
}

static gboolean
host_stats(Drv *drv, char **words, GError **error)
{
    (void)words;
    return show(drv, "HOST.statistics", "look at the host", error);
}

static const Verb host_verbs[] = {
    { "info", "", "CPUs, memory, hypervisor", 0, 0, WORD_ANY, NULL, host_info },
    { "stats", "", "load, free memory, VMs", 0, 0, WORD_ANY, NULL, host_stats },
    { NULL, NULL, NULL, 0, 0, WORD_ANY, NULL, NULL },
};

const Noun noun_host = { "host", "the host", host_verbs };

/* --- the agent
 * --------------------------------------------------------------------------
 */

/* The interface has JSON as text in a string. */
static gboolean
diagnostics(Drv *drv, char **words, GError **error)
{
    g_autoptr(json_object) answer = NULL;
    g_autoptr(json_object) inside = NULL;
    const char *text, *why = NULL;

    (void)words;
    if (!client_call(
            &drv->client, "get_diagnostics", client_args(NULL, NULL), 0, &answer, error))
        return FALSE;
    text = json_object_is_type(answer, json_type_string) ? json_object_get_string(answer)
                                                         : "";
    inside = agent_json_read(text, strlen(text), DRV_JSON_DEPTH, &why);
    if (inside == NULL)
        return drv_throw(error,
                         DRV_ERROR_REMOTE,
                         "the agent's diagnostics are not valid JSON: %s",
                         why);
    if (drv->json)
        print_json(inside, FALSE);
    else
        print_tree(inside);
    return TRUE;
}

static const Verb diagnostics_verbs[] = {
    { NULL, "", "queues, workers, connections", 0, 0, WORD_ANY, NULL, diagnostics },
    { NULL, NULL, NULL, 0, 0, WORD_ANY, NULL, NULL },
};

const Noun noun_diagnostics = { "diagnostics",
                                "how the agent itself is",
                                diagnostics_verbs };

static char *metrics_file;

static const GOptionEntry metrics_options[] = {
    { "output",
      'o',
      0,
      G_OPTION_ARG_FILENAME,
      &metrics_file,
      "Replace FILE, at once, for a textfile collector",
      "FILE" },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
};

static gboolean
metrics(Drv *drv, char **words, GError **error)
{
    g_autoptr(json_object) answer = NULL;
    g_autoptr(GError) why = NULL;
    const char *text;

    (void)words;
    if (!client_call(
            &drv->client, "get_metrics", client_args(NULL, NULL), 0, &answer, error))
        return FALSE;
    text = json_object_is_type(answer, json_type_string) ? json_object_get_string(answer)
                                                         : "";
    if (metrics_file == NULL) {
        print_text(text);
        return TRUE;
    }
    return g_file_set_contents_full(metrics_file,
                                    text,
                                    -1,
                                    G_FILE_SET_CONTENTS_CONSISTENT |
                                        G_FILE_SET_CONTENTS_DURABLE,
                                    0644,
                                    &why) ||
           drv_throw(error,
                     DRV_ERROR_FAILED,
                     "cannot write '%s': %s",
                     metrics_file,
                     why->message);
}

static const Verb metrics_verbs[] = {
    { NULL, "", "numbers for Prometheus", 0, 0, WORD_ANY, metrics_options, metrics },
    { NULL, NULL, NULL, 0, 0, WORD_ANY, NULL, NULL },
};

const Noun noun_metrics = { "metrics", "numbers for Prometheus", metrics_verbs };
