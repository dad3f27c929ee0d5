/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of guestagent.conf, which are written as arguments of virsh's
 * qemu-agent-command: domain, JSON, options.
 */
#include <string.h>

#include "base/error.h"
#include "im/probes/guest.h"
#include "virt/agent.h"

#define CONF "guestagent.conf"
#define DISABLED "QEMU Guest Agent monitoring disabled"
#define ANSWER_MAX 4096 /* bytes of it that are reported */
#define MOST 32         /* commands */
#define KEY_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

static void
command_free(gpointer data)
{
    GuestCommand *command = data;

    g_free(command->name);
    g_free(command->text);
    g_free(command->wrong);
    g_free(command);
}

static gboolean
is_timeout(const char *word, const char *next, guint *timeout_s)
{
    const char *value = g_str_has_prefix(word, "--timeout=") ? strchr(word, '=') + 1
                        : g_str_equal(word, "--timeout")     ? next
                                                             : NULL;
    guint64 number;

    if (value && g_ascii_string_to_unsigned(value, 10, 1, 60, &number, NULL))
        *timeout_s = (guint)number;
    return value && value == next;
}

/* Split as a shell would, which nobody starts. */
static void
parse(GuestCommand *command, const char *line)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) words = NULL;
    guint place = 0;

    if (!g_shell_parse_argv(line, NULL, &words, &error)) {
        command->wrong = g_strdup(error->message);
        return;
    }
    for (guint i = 0; words[i]; i++) {
        if (g_str_has_prefix(words[i], "--"))
            i += is_timeout(words[i], words[i + 1], &command->timeout_s);
        else if (place++ == 1) /* the first is the domain */
            command->text = g_strdup(words[i]);
    }
    if (command->text == NULL)
        command->wrong = g_strdup(CONF " has no command there");
}

void
guest_conf_load(GuestConf *conf)
{
    g_auto(GStrv) pairs = im_conf_pairs(CONF, "commands");

    conf->enabled = im_conf_flag(CONF, "enabled", FALSE);
    conf->commands = g_ptr_array_new_with_free_func(command_free);
    for (char **pair = pairs; *pair && conf->commands->len < MOST; pair += 2) {
        GuestCommand *command;

        if (pair[0][strspn(pair[0], KEY_CHARS)] != '\0')
            continue; /* it would spoil the message */
        command = g_new0(GuestCommand, 1);
        command->name = g_ascii_strup(pair[0], -1);
        command->timeout_s = GUEST_TIMEOUT_S;
        parse(command, pair[1]);
        g_ptr_array_add(conf->commands, command);
    }
}

void
guest_conf_clear(GuestConf *conf)
{
    g_clear_pointer(&conf->commands, g_ptr_array_unref);
}

void
guest_say_disabled(const GuestConf *conf, GString *out)
{
    for (guint i = 0; !conf->enabled && i < conf->commands->len; i++) {
        const GuestCommand *command = g_ptr_array_index(conf->commands, i);

        im_add(out, command->name, DISABLED);
    }
}

void
guest_say_wrong(const GuestConf *conf, const char *why, GString *out)
{
    for (guint i = 0; conf->enabled && i < conf->commands->len; i++) {
        const GuestCommand *command = g_ptr_array_index(conf->commands, i);

        im_addf(out, command->name, "error: %s", why);
    }
}

static void
ask(const GuestCommand *command, DrvDomain *domain, gint64 id, GString *out)
{
    g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, id);
    g_autoptr(GString) question = g_string_new(command->text);
    g_autoptr(GError) why = NULL;
    g_autofree char *answer = NULL;

    (void)g_string_replace(question, "$vm_id", number, 0);
    answer = drv_agent_command(domain, question->str, command->timeout_s, &why);
    if (answer && strlen(answer) > ANSWER_MAX)
        answer[ANSWER_MAX] = '\0';
    if (answer)
        im_add(out, command->name, answer);
    else
        im_addf(out, command->name, "error: %s", why->message);
}

void
guest_ask_commands(const GuestConf *conf, DrvDomain *domain, gint64 id, GString *out)
{
    for (guint i = 0; conf->enabled && i < conf->commands->len; i++) {
        const GuestCommand *command = g_ptr_array_index(conf->commands, i);

        if (command->wrong)
            im_addf(out, command->name, "error: %s", command->wrong);
        else
            ask(command, domain, id, out);
    }
}
