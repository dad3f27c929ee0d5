/* SPDX-License-Identifier: Apache-2.0 */
/* drv - what the host agent owns and does, for people: the command line. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "agent/drv/drv.h"
#include "agent/drv/print.h"
#include "base/cancel.h"
#include "base/headline.h"
#include "base/log.h"
#include "base/status-read.h"
#include "transport/build.h"

#define DEFAULT_SOCKET "/run/one-native/agent.sock"

/* Exit statuses, as in drv(1). */
enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_UNREACHABLE = 3,
    EXIT_NO_SUCH = 4,
    EXIT_CANCELLED = 5,
    EXIT_TIMEOUT = 6,
    EXIT_INTERRUPTED = 130,
};

static const Noun *const nouns[] = { &noun_vm,     &noun_task,        &noun_events,
                                     &noun_host,   &noun_diagnostics, &noun_metrics,
                                     &noun_ps,     &noun_cancel,      &noun_log,
                                     &noun_doctor, &noun_undelete };

static Drv drv = { .client = { .path = DEFAULT_SOCKET, .fd = -1 } };
static char *socket_path;
static int timeout_s = CLIENT_TIMEOUT_S;
static gboolean show_version;

static const GOptionEntry common[] = {
    { "socket",
      0,
      0,
      G_OPTION_ARG_FILENAME,
      &socket_path,
      "The agent's socket; $DRV_SOCKET, " DEFAULT_SOCKET,
      "PATH" },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &drv.json, "JSON lines in place of text", NULL },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &drv.quiet, "Only errors", NULL },
    { "no-wait",
      0,
      0,
      G_OPTION_ARG_NONE,
      &drv.no_wait,
      "Print the task's id in place of following it",
      NULL },
    { "timeout-answer",
      0,
      0,
      G_OPTION_ARG_INT,
      &timeout_s,
      "How long the agent has for an answer; 30",
      "SECONDS" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &show_version, "Print the version", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
};

/* --- what can be said
 * -------------------------------------------------------------------
 */

static void
describe(GString *out, const Noun *noun)
{
    for (const Verb *verb = noun->verbs; verb->run; verb++) {
        g_autofree char *usage = g_strjoin(" ",
                                           noun->noun,
                                           verb->verb ? verb->verb : verb->words,
                                           verb->verb ? verb->words : NULL,
                                           NULL);

        g_string_append_printf(out, "  drv %-26s  %s\n", usage, verb->about);
    }
}

static char *
all_verbs(void)
{
    GString *out = g_string_new("Commands:\n");

    for (guint i = 0; i < G_N_ELEMENTS(nouns); i++)
        describe(out, nouns[i]);
    g_string_append(out,
                    "\n'drv COMMAND --help' has the options of one.  Manual: man drv");
    return g_string_free(out, FALSE);
}

static const Noun *
noun_of(const char *word)
{
    for (guint i = 0; i < G_N_ELEMENTS(nouns); i++) {
        if (strcmp(nouns[i]->noun, word) == 0)
            return nouns[i];
    }
    return NULL;
}

/* NULL: @word is none of its verbs. */
static const Verb *
verb_of(const Noun *noun, const char *word)
{
    for (const Verb *verb = noun->verbs; verb->run; verb++) {
        if (verb->verb == NULL || (word && strcmp(verb->verb, word) == 0))
            return verb;
    }
    return NULL;
}

/* --- completion
 * -------------------------------------------------------------------------
 */

static void
offer_options(const GOptionEntry *entries)
{
    for (guint i = 0; entries && entries[i].long_name; i++)
        print_line("--%s", entries[i].long_name);
}

/* Ids, and of VMs names; an agent that does not answer offers nothing. */
static void
offer_objects(WordKind kind)
{
    g_autoptr(json_object) all = NULL;
    g_autoptr(GError) ignored = NULL;

    drv.client.timeout_s = 2;
    if (!client_open(&drv.client, &ignored) ||
        !client_call(&drv.client,
                     kind == WORD_VM ? "VM.list" : "Task.list",
                     client_args(NULL, NULL),
                     0,
                     &all,
                     &ignored))
        drv_ignore(&ignored, "there is nothing to offer then");
    for (gsize i = 0; i < json_size(all); i++) {
        json_object *object = json_element(all, i);

        if (kind == WORD_VM)
            object = json_element(object, 0);
        print_line("%s", drv_json_text(object, "id", ""));
        if (kind == WORD_VM)
            print_line("%s", drv_json_text(object, "name", ""));
    }
}

static void
offer_actions(void)
{
    g_autoptr(GPtrArray) entries = drv_status_list(NULL);

    for (guint i = 0; entries && i < entries->len; i++)
        print_line("%s", ((const DrvStatusEntry *)entries->pdata[i])->id);
}

/* "drv complete WORD...": what may stand in place of the last one, a line each. */
static int
complete(int argc, char **argv)
{
    const Noun *noun = argc > 1 ? noun_of(argv[0]) : NULL;
    const Verb *verb = noun && argc > 1 ? verb_of(noun, argv[1]) : NULL;
    gboolean alone = noun && noun->verbs->verb == NULL;

    if (argc <= 1) {
        for (guint i = 0; i < G_N_ELEMENTS(nouns); i++)
            print_line("%s", nouns[i]->noun);
    } else if (noun && argc == 2 && !alone) {
        for (verb = noun->verbs; verb->run; verb++)
            print_line("%s", verb->verb);
    } else if (verb && argv[argc - 1][0] == '-') {
        offer_options(verb->options);
        offer_options(common);
    } else if (verb && argc == (alone ? 2 : 3) && verb->kind == WORD_ACTION &&
               verb->max > 0) {
        offer_actions();
    } else if (verb && argc == 3 && (verb->kind == WORD_VM || verb->kind == WORD_TASK)) {
        offer_objects(verb->kind);
    }
    return EXIT_DONE;
}

/* --- the command line
 * -------------------------------------------------------------------
 */

/* @entries may be NULL; options end at the first word when @strict. */
static gboolean
parse(int *argc,
      char ***argv,
      const char *usage,
      const char *text,
      const GOptionEntry *entries,
      gboolean strict,
      GError **error)
{
    g_autoptr(GOptionContext) context = g_option_context_new(usage);
    g_autoptr(GError) why = NULL;

    g_option_context_set_strict_posix(context, strict);
    g_option_context_set_description(context, text);
    if (entries)
        g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_add_main_entries(context, common, NULL);
    if (!g_option_context_parse(context, argc, argv, &why))
        return drv_throw(error, DRV_ERROR_USAGE, "%s", why->message);
    /* "--" ends options; what is behind it is a word. */
    if (!strict && *argc > 1 && strcmp((*argv)[1], "--") == 0) {
        memmove(*argv + 1, *argv + 2, (gsize)(*argc - 1) * sizeof **argv);
        (*argc)--;
    }
    return TRUE;
}

static const Verb *
find_verb(const Noun *noun, const char *word, GError **error)
{
    const Verb *verb = verb_of(noun, word);
    g_autoptr(GString) text = g_string_new(NULL);

    if (verb)
        return verb;
    describe(text, noun);
    if (g_strcmp0(word, "--help") == 0 || g_strcmp0(word, "-h") == 0) {
        print_text(text->str);
        return NULL;
    }
    if (word)
        (void)drv_throw(error,
                        DRV_ERROR_USAGE,
                        "'%s' is not a command of drv %s; see drv %s --help",
                        word,
                        noun->noun,
                        noun->noun);
    else
        (void)drv_throw(error,
                        DRV_ERROR_USAGE,
                        "what about %s? See drv %s --help",
                        noun->about,
                        noun->noun);
    return NULL;
}

static gboolean
connect_agent(GError **error)
{
    if (socket_path)
        drv.client.path = socket_path;
    if (timeout_s < 1 || timeout_s > 86400)
        return drv_throw(error, DRV_ERROR_USAGE, "--timeout-answer is from 1 to 86400");
    drv.client.timeout_s = timeout_s;
    return client_open(&drv.client, error);
}

/* @argv: the noun, and all behind it. */
static gboolean
run_noun(int argc, char **argv, GError **error)
{
    const Noun *noun = noun_of(argv[0]);
    const Verb *verb = noun ? find_verb(noun, argc > 1 ? argv[1] : NULL, error) : NULL;
    g_autofree char *usage = NULL;
    int skip;

    if (noun == NULL)
        return drv_throw(
            error, DRV_ERROR_USAGE, "'%s' is not a command; see drv --help", argv[0]);
    if (verb == NULL)
        return error && *error == NULL;
    skip = verb->verb ? 1 : 0;
    usage = g_strjoin(" ",
                      noun->noun,
                      verb->verb ? verb->verb : verb->words,
                      verb->verb ? verb->words : NULL,
                      NULL);
    argv += skip;
    argc -= skip;
    if (!parse(&argc, &argv, usage, verb->about, verb->options, FALSE, error))
        return FALSE;
    if ((guint)argc - 1 < verb->min || (guint)argc - 1 > verb->max)
        return drv_throw(error, DRV_ERROR_USAGE, "usage: drv %s", usage);
    return (verb->kind >= WORD_ACTION || connect_agent(error)) &&
           verb->run(&drv, argv + 1, error);
}

static gboolean
run(int argc, char **argv, GError **error)
{
    g_autofree char *text = all_verbs();

    if (!parse(&argc, &argv, "COMMAND", text, NULL, TRUE, error))
        return FALSE;
    if (show_version) {
        print_line("drv (one-native) %s", drv_build());
        return TRUE;
    }
    if (argc < 2)
        return drv_throw(error, DRV_ERROR_USAGE, "what is to be done? See drv --help");
    return run_noun(argc - 1, argv + 1, error);
}

static int
status_of(const GError *error)
{
    if (drv_cancel_pending())
        return EXIT_INTERRUPTED;
    switch (drv_error_code(error)) {
    case DRV_ERROR_USAGE:
    case DRV_ERROR_DUMP:
        return EXIT_USAGE;
    case DRV_ERROR_REMOTE:
        return EXIT_UNREACHABLE;
    case DRV_ERROR_NOT_FOUND:
        return EXIT_NO_SUCH;
    case DRV_ERROR_CANCELLED:
        return EXIT_CANCELLED;
    case DRV_ERROR_TIMEOUT:
        return EXIT_TIMEOUT;
    default:
        return EXIT_FAILED;
    }
}

static void
read_environment(void)
{
    const char *path = g_getenv("DRV_SOCKET");
    const char *no_color = g_getenv("NO_COLOR");
    gboolean dumb = g_strcmp0(g_getenv("TERM"), "dumb") == 0;

    if (path && *path)
        drv.client.path = path;
    print_set_terminal((no_color == NULL || *no_color == '\0') && !dumb, !dumb);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    const char *why = NULL;
    int status = EXIT_DONE;

    drv_log_set_name("drv");
    read_environment();
    if (!drv_cancel_init(&error)) {
        print_error(error->message);
        return EXIT_FAILED;
    }
    if (argc > 1 && strcmp(argv[1], "complete") == 0)
        return complete(argc - 2, argv + 2);
    if (!run(argc, argv, &error)) {
        g_autofree char *headline = drv_headline(error->message);

        (void)print_flush(&why);
        print_error(headline);
        status = status_of(error);
    }
    client_close(&drv.client);
    if (!print_flush(&why) && status == EXIT_DONE) {
        print_note("cannot write to stdout: %s", why);
        status = EXIT_FAILED;
    }
    return status;
}
