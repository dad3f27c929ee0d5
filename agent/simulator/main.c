/* SPDX-License-Identifier: Apache-2.0 */
/* drv-agent-simulator - a back end without a hypervisor, for tests.
 *
 * It speaks what drv-agent-worker speaks (worker/job.h).  The VM is what the document's
 * "state" says; what it becomes goes out as state.  Told by keys of platformdata:
 *
 *     sim-delay-ms   each step takes so long
 *     sim-hang       at the step of this name it stops for ever, and ignores SIGTERM
 *     sim-fail       the step of this name fails with IO_error ("arrived": a migration,
 *                    when the VM is at its destination)
 *     sim-die        at the step of this name it kills itself
 *     sim-garble     at the step of this name it writes what is not UTF-8, and goes on
 *     sim-fail-tries so many tries of a migration fail
 *
 * Of another host: "c3" has 3 CPUs, "c3m64" also 64 MiB of memory left; others have 8
 * CPUs and 8 GiB.  A host "down..." is not reached, and "noib..." not by RDMA.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "agent/common/document.h"
#include "agent/common/json-line.h"
#include "agent/common/json.h"
#include "agent/simulator/simulator.h"
#include "base/error.h"
#include "base/log.h"

#define MAX_DOCUMENT (4 * 1024 * 1024)

json_object *document, *state, *platform, *result;
static volatile sig_atomic_t told_to_stop;

static void
stop(int number)
{
    (void)number;
    told_to_stop = 1;
}

const char *
text(json_object *object, const char *key)
{
    return drv_json_text(object, key, "");
}

void
print(const char *key, json_object *value, const char *key2, json_object *value2)
{
    json_object *line = json_object_new_object();

    json_object_object_add(line, key, value);
    if (key2)
        json_object_object_add(line, key2, value2);
    agent_print_line(line, "the caller is gone");
}

gboolean
fail(const char *variant, json_object *argument, const char *message)
{
    json_object *error = json_object_new_array();

    json_object_array_add(error, json_object_new_string(variant));
    if (argument)
        json_object_array_add(error, argument);
    print("error", error, "message", json_object_new_string(message));
    return FALSE;
}

gboolean
bad_power(const char *expected)
{
    g_autofree char *message =
        g_strdup_printf("the VM is %s, not %s", text(state, "power_state"), expected);

    return fail("Bad_power_state",
                agent_json_pair(text(state, "power_state"), expected),
                message);
}

/* Wait until told to stop, or so long. */
static void
pause_for(int ms)
{
    gint64 end = g_get_monotonic_time() + (gint64)ms * 1000;

    while (!told_to_stop) {
        gint64 left = (end - g_get_monotonic_time() + 999) / 1000;

        if (left <= 0 || (poll(NULL, 0, (int)left) < 0 && errno != EINTR))
            return;
    }
}

gboolean
is_told(const char *key, const char *name)
{
    const char *told = text(platform, key);
    g_autofree char *full = g_strdup_printf("%s %s", text(document, "operation"), name);

    return strcmp(told, name) == 0 || strcmp(told, full) == 0;
}

gboolean
step(double progress, const char *name)
{
    print("progress",
          json_object_new_double(progress),
          "phase",
          json_object_new_string(name));
    if (is_told("sim-die", name))
        (void)raise(SIGKILL);
    if (is_told("sim-garble", name))
        print("result", json_object_new_string("\xff"), NULL, NULL);
    if (is_told("sim-hang", name)) {
        (void)signal(SIGTERM, SIG_IGN);
        for (;;)
            (void)poll(NULL, 0, -1);
    }
    pause_for((int)g_ascii_strtoull(text(platform, "sim-delay-ms"), NULL, 10));
    if (told_to_stop)
        return fail("Cancelled",
                    json_object_new_string(text(document, "task")),
                    "cancelled; nothing was changed");
    if (is_told("sim-fail", name))
        return fail("IO_error", NULL, "the simulator was told to fail");
    return TRUE;
}

/* --- what a VM becomes ----------------------------------------------------------------
 */

static json_object *
devices_json(gboolean plugged)
{
    json_object *classes = json_object_new_object(),
                *all = drv_json_member(document, "devices");

    for (gsize i = 0;
         json_object_is_type(all, json_type_array) && i < json_object_array_length(all);
         i++) {
        json_object *device = json_object_array_get_idx(all, i), *entry;
        g_autofree char *class = g_ascii_strdown(text(device, "class"), -1);
        json_object *id = drv_json_member(drv_json_member(device, "record"), "id");

        if (drv_json_member(classes, class) == NULL)
            json_object_object_add(classes, class, json_object_new_object());
        entry = json_object_new_object();
        json_object_object_add(entry, "plugged", json_object_new_boolean(plugged));
        json_object_object_add(drv_json_member(classes, class),
                               json_object_get_string(json_object_array_get_idx(id, 1)),
                               entry);
    }
    return classes;
}

/* Of the record. */
static json_object *
number(const char *key)
{
    return json_object_new_int64(
        json_object_get_int64(drv_json_member(drv_json_member(document, "vm"), key)));
}

/* What libvirt's domains have in their metadata until they are complete. */
static void
mark(void)
{
    json_object *facts = json_object_new_object();

    json_object_object_add(
        facts, "unsurvivable", json_object_new_string(text(document, "task")));
    print("state", facts, NULL, NULL);
}

/* @fresh: it is another domain than before, if it is active. */
void
become(const char *power, gboolean fresh)
{
    gboolean active = strcmp(power, "Running") == 0 || strcmp(power, "Paused") == 0;
    json_object *facts = json_object_new_object();

    json_object_object_add(facts, "power_state", json_object_new_string(power));
    if (!active || fresh) {
        json_object *domids = json_object_new_array(),
                    *consoles = json_object_new_array();

        if (active) {
            gint64 now = g_get_monotonic_time(); /* never the same again */

            json_object_array_add(domids, json_object_new_int((int)(now & G_MAXINT)));
            json_object_array_add(
                consoles,
                json_tokener_parse("{\"protocol\":\"Rfb\",\"port\":5900,\"path\":\"\"}"));
        }
        json_object_object_add(facts, "domids", domids);
        json_object_object_add(facts, "consoles", consoles);
        json_object_object_add(facts, "devices", devices_json(active));
    }
    if (active && fresh) {
        json_object_object_add(facts,
                               "last_start_time",
                               json_object_new_double((double)g_get_real_time() / 1e6));
        json_object_object_add(facts, "vcpu_target", number("vcpus"));
        json_object_object_add(facts, "memory_target", number("memory_dynamic_max"));
    }
    json_object_object_add(facts, "unsurvivable", NULL);
    print("state", facts, NULL, NULL);
}

gboolean
is(const char *power)
{
    return strcmp(text(state, "power_state"), power) == 0;
}

gboolean
is_active(void)
{
    return is("Running") || is("Paused");
}

static gboolean
start(void)
{
    if (!is("Halted"))
        return bad_power("Halted");
    mark();
    if (!step(0.0, "create") || !step(0.25, "build") || !step(0.5, "plug") ||
        !step(0.75, "device model"))
        return FALSE;
    become("Paused", TRUE);
    return TRUE;
}

static gboolean
not_built(void)
{
    return fail("Domain_not_built", NULL, "the VM has no domain that is complete");
}

static gboolean
is_built(void)
{
    return is_active() && !drv_json_member(state, "unsurvivable");
}

/* A domain without devices, and marked as not complete until it is built. */
static gboolean
create(void)
{
    if (!is("Halted"))
        return bad_power("Halted");
    mark();
    if (!step(0.0, "create"))
        return FALSE;
    become("Paused", TRUE);
    print("state", json_tokener_parse("{\"devices\":{}}"), NULL, NULL);
    mark();
    return TRUE;
}

static gboolean
build(void)
{
    if (!is_active())
        return fail(
            "Does_not_exist",
            agent_json_pair("domain", text(drv_json_member(document, "vm"), "id")),
            "there is no domain");
    if (!step(0.0, "build"))
        return FALSE;
    print("state", json_tokener_parse("{\"unsurvivable\":null}"), NULL, NULL);
    return TRUE;
}

static gboolean
create_device_model(void)
{
    return is_built() ? TRUE : not_built();
}

static gboolean
shutdown_vm(void)
{
    if (is_active() && (!step(0.0, "unplug") || !step(0.5, "destroy")))
        return FALSE;
    become("Halted", FALSE);
    return TRUE;
}

static gboolean
reboot(void)
{
    if (!is_active())
        return bad_power("Running");
    if (!step(0.0, "destroy"))
        return FALSE;
    become("Halted", FALSE);
    mark();
    if (!step(0.5, "build"))
        return FALSE;
    become("Running", TRUE);
    return TRUE;
}

static gboolean
suspend(void)
{
    if (!is_active())
        return fail("Domain_not_built", NULL, "the VM is not active");
    if (!step(0.0, "save"))
        return FALSE;
    become("Suspended", FALSE);
    return TRUE;
}

static gboolean
resume(void)
{
    if (!is("Suspended"))
        return bad_power("Suspended");
    mark();
    if (!step(0.0, "restore"))
        return FALSE;
    become("Paused", TRUE);
    return TRUE;
}

static gboolean
pause_vm(void)
{
    if (!is_built())
        return not_built();
    become("Paused", FALSE);
    return TRUE;
}

static gboolean
unpause(void)
{
    if (!is_built())
        return not_built();
    become("Running", FALSE);
    return TRUE;
}

static gboolean
set_vcpus(void)
{
    gint64 n = json_object_get_int64(
        drv_json_member(drv_json_member(document, "options"), "vcpus"));
    gint64 max = json_object_get_int64(
        drv_json_member(drv_json_member(document, "vm"), "vcpu_max"));
    json_object *facts;

    if (!is_built())
        return not_built();
    if (n < 1 || n > max)
        return fail("Invalid_vcpus", json_object_new_int64(max), "not so many VCPUs");
    if (!step(0.0, "set"))
        return FALSE;
    facts = json_object_new_object();
    json_object_object_add(facts, "vcpu_target", json_object_new_int64(n));
    print("state", facts, NULL, NULL);
    return TRUE;
}

/* A domain that was not complete is ended; else all is as it was. */
static gboolean
check_state(void)
{
    if (!step(0.0, "look"))
        return FALSE;
    if (*text(state, "unsurvivable"))
        become("Halted", FALSE);
    else
        print("state", json_object_get(state), NULL, NULL);
    return TRUE;
}

static gboolean
set_affinity(void)
{
    return is_active() ? step(0.0, "pin")
                       : fail("Domain_not_built", NULL, "the VM is not active");
}

static gboolean
run(const char *name)
{
    static const struct {
        const char *name;
        gboolean (*run)(void);
    } table[] = {
        { "VM.start", start },
        { "VM.shutdown", shutdown_vm },
        { "VM.delete", shutdown_vm },
        { "VM.reboot", reboot },
        { "VM.suspend", suspend },
        { "VM.resume", resume },
        { "VM.pause", pause_vm },
        { "VM.unpause", unpause },
        { "VM.set_vcpus", set_vcpus },
        { "VM.check_state", check_state },
        { "VM.create", create },
        { "VM.create_device_model", create_device_model },
        { "VM.build", build },
        { "VM.destroy", shutdown_vm },
        { "VBD.insert", devices_change_drive },
        { "VBD.eject", devices_change_drive },
        { "VM.migrate", peers_migrate },
        { "VM.set_affinity", set_affinity },
        { "HOST.peer", peers_look },
        { "HOST.fetch", peers_fetch },
    };

    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        if (strcmp(table[i].name, name) == 0)
            return table[i].run();
    }
    if (g_str_has_suffix(name, ".plug") || g_str_has_suffix(name, ".unplug"))
        return devices_plug(g_str_has_suffix(name, ".plug"));
    if (g_str_has_prefix(name, "VIF.")) /* the core has the record */
        return step(0.0, "change");
    return fail("Unimplemented", json_object_new_string(name), "not simulated");
}

/* Answer one document; FALSE: there is none, or it failed. */
static gboolean
serve(gboolean *ok, GError **error)
{
    document = agent_document_next(MAX_DOCUMENT, error);
    if (document == NULL)
        return FALSE;
    state = drv_json_member(document, "state");
    platform = drv_json_member(drv_json_member(document, "vm"), "platformdata");
    *ok = run(text(document, "operation"));
    if (*ok)
        print("result", g_steal_pointer(&result), NULL, NULL);
    json_object_put(document);
    return *ok;
}

int
main(void)
{
    g_autoptr(GError) error = NULL;
    struct sigaction action = { .sa_handler = stop };
    gboolean ok = TRUE;

    drv_log_set_name("drv-agent-simulator");
    (void)sigaction(SIGTERM, &action, NULL);
    while (serve(&ok, &error))
        continue;
    if (error)
        drv_error_log("%s", error->message);
    return ok && error == NULL ? 0 : 1;
}
