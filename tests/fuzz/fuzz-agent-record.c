/* SPDX-License-Identifier: Apache-2.0 */
/* Records.  First byte, even: the rest is a record's file, which is read or set aside,
 * and never lost; odd: it is JSON of a client, in which a record that is complete is so
 * for good.
 */
#include <glib/gstdio.h>
#include <stdint.h>
#include <string.h>

#include "agent/agentd/agentd.h"
#include "base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static guint taken;

static void
take(Agent *agent, const char *name, json_object *object)
{
    (void)agent;
    (void)name;
    taken++;
    json_object_put(object);
}

static void
quiet(DrvLogLevel level, const char *text, gpointer data)
{
    (void)level;
    (void)text;
    (void)data;
}

static Agent *
place(void)
{
    static Agent agent;
    g_autoptr(GError) error = NULL;

    if (agent.directory)
        return &agent;
    drv_log_set_sink(quiet, NULL);
    agent.directory = g_dir_make_tmp("fuzz-agent.XXXXXX", &error);
    g_assert_no_error(error);
    agent.damaged = g_ptr_array_new_with_free_func(g_free);
    g_assert(store_open(&agent, &error));
    return &agent;
}

static void
read_file(const char *text, gsize size)
{
    Agent *agent = place();
    g_autofree char *path = g_build_filename(agent->directory, "tasks", "t", NULL);
    g_autofree char *aside = g_build_filename(agent->directory, "damaged", "t", NULL);
    g_autoptr(GError) error = NULL;

    g_assert(g_file_set_contents(path, text, (gssize)size, &error));
    taken = 0;
    g_assert(store_load(agent, "tasks", take, &error));
    g_assert_cmpuint(taken, ==, 1);
    g_assert(g_file_test(path, G_FILE_TEST_EXISTS) !=
             g_file_test(aside, G_FILE_TEST_EXISTS));
    g_assert((g_unlink(path) == 0) != (g_unlink(aside) == 0));
    g_ptr_array_set_size(agent->damaged, 0);
}

static void
complete(Class class, json_object *given)
{
    g_autofree char *why = NULL;
    g_autofree char *never = NULL;
    json_object *record = record_complete(class, given, &why), *again;

    if (record == NULL) {
        g_assert(why != NULL);
        return;
    }
    again = record_complete(class, record, &never);
    g_assert(json_object_equal(record, again));
    json_object_put(again);
    json_object_put(record);
}

/* A MAC that was asked for is made up once, and is one that is accepted again. */
static void
add(Class class, json_object *given)
{
    g_autofree char *why = NULL;
    json_object *record = device_record_new(class, given, &why), *again;

    if (record == NULL) {
        g_assert(why != NULL);
        return;
    }
    again = device_record_new(class, record, &why);
    g_assert(json_object_equal(record, again));
    json_object_put(again);
    json_object_put(record);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = NULL;
    const char *why = NULL;
    json_object *given;

    if (size < 1)
        return 0;
    text = g_strndup((const char *)data + 1, size - 1);
    if (data[0] % 2 == 0) {
        read_file(text, size - 1);
        return 0;
    }
    given = agent_json_read(text, size - 1, AGENT_MAX_DEPTH, &why);
    for (guint class = CLASS_VM; class < CLASS_TASK; class ++)
        complete((Class) class, given);
    for (guint class = CLASS_VBD; class < CLASS_TASK; class ++)
        add((Class) class, given);
    json_object_put(given);
    return 0;
}
