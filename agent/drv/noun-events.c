/* SPDX-License-Identifier: Apache-2.0 */
/* drv events: what happened to VMs, the agent's and others. */
#include <string.h>

#include "agent/drv/drv.h"
#include "agent/drv/print.h"

static gboolean follow, capabilities;
static gint64 since = -1;

static const GOptionEntry options[] = {
    { "follow", 'f', 0, G_OPTION_ARG_NONE, &follow, "Go on with what happens now", NULL },
    { "since",
      0,
      0,
      G_OPTION_ARG_INT64,
      &since,
      "Only those with a greater sequence number",
      "NUMBER" },
    { "capabilities",
      0,
      0,
      G_OPTION_ARG_NONE,
      &capabilities,
      "Which are native, derived, polled",
      NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
};

static void
show(Drv *drv, json_object *event)
{
    double seconds = json_real(event, "time", 0);
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local((gint64)seconds);
    g_autofree char *when = time ? g_date_time_format(time, "%F %T") : g_strdup("-");
    const char *detail = drv_json_text(event, "detail", "");

    if (drv->json) {
        print_json(event, FALSE);
        return;
    }
    print_line("%s.%03d  %-12s %s  %s%s%s",
               when,
               (int)((seconds - (double)(gint64)seconds) * 1000),
               drv_json_text(event, "event", "?"),
               drv_json_text(event, "uuid", "-"),
               drv_json_text(event, "name", "-"),
               *detail ? "  " : "",
               detail);
}

/* Events come as results or bare; what is neither says how the stream stands. */
static json_object *
event_of(json_object *line)
{
    json_object *result = drv_json_member(line, "result");

    if (drv_json_member(result, "event"))
        return result;
    return drv_json_member(line, "event") ? line : NULL;
}

static void
show_all(Drv *drv, json_object *events)
{
    for (gsize i = 0; i < json_size(events); i++)
        show(drv, json_element(events, i));
}

/* @answer has what happened since the number that was asked for. */
static gboolean
stream(Drv *drv, json_object *answer, GError **error)
{
    const char *why = NULL;

    show_all(drv, drv_json_member(answer, "events"));

    for (;;) {
        g_autoptr(json_object) line = client_next(&drv->client, -1, error);
        json_object *event = event_of(line);

        if (line == NULL)
            return FALSE;
        if (drv_json_member(line, "error"))
            return client_error(drv_json_member(line, "error"), error);
        if (event)
            show(drv, event);
        if (!print_flush(&why))
            return drv_throw(error, DRV_ERROR_FAILED, "cannot write to stdout: %s", why);
    }
}

static gboolean
run(Drv *drv, char **words, GError **error)
{
    g_autoptr(json_object) answer = NULL;
    json_object *args = client_args(NULL, NULL);

    (void)words;
    if (since >= 0)
        json_with(args, "since", json_object_new_int64(since));
    if (!client_call(&drv->client,
                     capabilities ? "EVENTS.capabilities"
                     : follow     ? "EVENTS.subscribe"
                                  : "EVENTS.list",
                     args,
                     0,
                     &answer,
                     error))
        return FALSE;
    if (follow && !capabilities)
        return stream(drv, answer, error);
    if (capabilities) {
        if (drv->json)
            print_json(answer, FALSE);
        else
            print_tree(answer);
        return TRUE;
    }
    show_all(drv, answer);
    return TRUE;
}

static const Verb verbs[] = {
    { NULL, "", "what happened; --follow: what happens", 0, 0, WORD_ANY, options, run },
    { NULL, NULL, NULL, 0, 0, WORD_ANY, NULL, NULL },
};

const Noun noun_events = { "events", "what happens to VMs", verbs };
