/* SPDX-License-Identifier: Apache-2.0 */
/* events.c - the watcher, which says what libvirt has, and who wants to know.
 *
 * The watcher derives the events (watcher.h); here they get to clients, and to the VMs
 * they are of.  Each domain's last facts are a file: a watcher that is started again,
 * also by a later core, is told them, and so ADDED and REMOVED come once whoever was
 * killed. A VM that is not as libvirt says is looked at, unless an operation of its own
 * runs.
 */
#include "agent/agentd/agentd.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>

#include "agent/common/vm-uuid.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"

#define KEPT_EVENTS 4096
#define MAX_LINE ((gsize)16 * 1024 * 1024)
#define MAX_BACKOFF_S 30

typedef struct {
    guint64 seq;
    char *line;
} Event;

static struct {
    pid_t pid; /* 0: none runs */
    int in;
    guint in_source;
    GString *text, *to_say;
    gboolean connected, listed;
    double since;
    char *reason;
    char *hypervisor;     /* and its version */
    json_object *sources; /* event -> native, derived, polled */
    guint64 seq, started, taken;
    double list_s;
    guint backoff_s;
    GQueue kept; /* Event */
} watch;

static gboolean start_watcher(gpointer data);

/* --- VMs ------------------------------------------------------------------------------
 */

static gboolean
is_as_listed(const Vm *vm, json_object *facts)
{
    const char *power = vm_power(vm);
    json_object *domids = drv_json_member(vm->state, "domids");
    gint64 domid = drv_json_number(facts, "domid", -1);

    if (vm->unsurvivable)
        return FALSE;
    if (domid < 0)
        return strcmp(power, "Halted") == 0 || strcmp(power, "Suspended") == 0;
    return strcmp(power, drv_json_text(facts, "state", "")) == 0 &&
           json_object_is_type(domids, json_type_array) &&
           json_object_array_length(domids) == 1 &&
           json_object_get_int64(json_object_array_get_idx(domids, 0)) == domid;
}

gboolean
events_agree(Agent *agent, const Vm *vm)
{
    return !watch.listed || vm->running || vm->record == NULL ||
           is_as_listed(vm, g_hash_table_lookup(agent->domains, vm->uuid));
}

void
events_reconcile(Agent *agent, Vm *vm)
{
    if (!watch.listed || vm->running || vm->record == NULL)
        return;
    if (!events_agree(agent, vm)) {
        queue_check(agent, vm, "libvirt says otherwise", TRUE);
    } else if (vm->unknown_since > 0) {
        vm->unknown_since = 0;
        updates_changed(agent, CLASS_VM, vm->id, NULL);
    }
}

static void
each_vm(Agent *agent, void (*run)(Agent *agent, Vm *vm))
{
    g_autoptr(GList) vms = g_hash_table_get_values(agent->vms);

    for (GList *l = vms; l; l = l->next)
        run(agent, l->data);
}

static void
is_unknown(Agent *agent, Vm *vm)
{
    vm_set_unknown(agent, vm, watch.reason ? watch.reason : "libvirt is not connected");
}

/* --- domains --------------------------------------------------------------------------
 */

static void
keep_domain(Agent *agent, json_object *facts)
{
    static const char *const keys[] = { "uuid",  "name",       "state",
                                        "domid", "persistent", "incarnation" };
    const char *uuid = drv_json_text(facts, "uuid", "");
    json_object *kept = json_object_new_object(), *value;
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        if ((value = drv_json_member(facts, keys[i])) != NULL)
            json_object_object_add(kept, keys[i], json_object_get(value));
    }
    g_hash_table_replace(agent->domains, g_strdup(uuid), kept);
    if (!store_put(agent, "domains", uuid, kept, &error))
        drv_warn("%s", error->message);
}

static void
forget_domain(Agent *agent, const char *uuid)
{
    store_remove(agent, "domains", uuid);
    g_hash_table_remove(agent->domains, uuid);
}

static void
load_domain(Agent *agent, const char *name, json_object *object)
{
    if (object)
        g_hash_table_replace(agent->domains, g_strdup(name), object);
}

/* --- to clients -----------------------------------------------------------------------
 */

static void
publish(Agent *agent, json_object *object)
{
    const char *json = json_object_to_json_string_ext(
        object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    g_autofree char *line = g_strconcat(json, "\n", NULL);

    for (guint i = 0; i < agent->subscribers->len; i++)
        conn_put_line(g_ptr_array_index(agent->subscribers, i), line);
}

static void
keep_event(json_object *object)
{
    Event *event = g_new0(Event, 1);

    event->seq = (guint64)drv_json_number(object, "seq", 0);
    event->line = g_strdup(json_object_to_json_string_ext(
        object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    g_queue_push_tail(&watch.kept, event);
    watch.seq = MAX(watch.seq, event->seq);
    if (watch.kept.length > KEPT_EVENTS) {
        event = g_queue_pop_head(&watch.kept);
        g_free(event->line);
        g_free(event);
    }
}

/* --- what the watcher says ------------------------------------------------------------
 */

static void
take_event(Agent *agent, json_object *object)
{
    const char *event = drv_json_text(object, "event", "");
    const char *uuid = drv_json_text(object, "uuid", "");
    Vm *vm = g_hash_table_lookup(agent->by_uuid, uuid);

    if (!agent_uuid_is_valid(uuid))
        return;
    watch.taken++;
    if (strcmp(event, "REMOVED") == 0)
        forget_domain(agent, uuid);
    else if (strcmp(event, "UNKNOWN") != 0)
        keep_domain(agent, object);
    if (vm)
        json_object_object_add(object, "vm", json_object_new_string(vm->id));
    keep_event(object);
    publish(agent, object);
    if (vm && strcmp(event, "UNKNOWN") == 0)
        vm_set_unknown(agent, vm, drv_json_text(object, "detail", "it was not answered"));
    if (vm && strcmp(event, "STOPPED") == 0)
        ended_by_itself(agent, vm, drv_json_text(object, "detail", ""));
    if (vm)
        events_reconcile(agent, vm);
}

/* Differences came as events before; this is what there is. */
static void
take_relist(Agent *agent, json_object *list)
{
    for (gsize i = 0; i < json_object_array_length(list); i++) {
        json_object *facts = json_object_array_get_idx(list, i);

        if (agent_uuid_is_valid(drv_json_text(facts, "uuid", "")) &&
            g_hash_table_lookup(agent->domains, drv_json_text(facts, "uuid", "")) == NULL)
            keep_domain(agent, facts);
    }
    watch.listed = TRUE;
    watch.backoff_s = 0;
    each_vm(agent, events_reconcile);
}

static void
take_connection(Agent *agent, json_object *object)
{
    json_object *sources = drv_json_member(object, "events");

    watch.connected = drv_json_flag(object, "connected", FALSE);
    watch.since = json_object_get_double(drv_json_member(object, "since"));
    g_free(watch.reason);
    watch.reason = g_strdup(drv_json_text(object, "reason", NULL));
    g_free(watch.hypervisor);
    watch.hypervisor = g_strdup(drv_json_text(object, "hypervisor", NULL));
    if (sources) {
        json_object_put(watch.sources);
        watch.sources = json_object_get(sources);
    }
    if (!watch.connected) {
        watch.listed = FALSE;
        each_vm(agent, is_unknown);
    }
    publish(agent, object);
}

static void
take_line(Agent *agent, const char *line)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_object) object =
        drv_json_parse_object("the watcher's line", line, -1, &error);

    if (object == NULL)
        drv_warn("%s", error->message);
    else if (drv_json_member(object, "event"))
        take_event(agent, object);
    else if (json_object_is_type(drv_json_member(object, "relist"), json_type_array))
        take_relist(agent, drv_json_member(object, "relist"));
    else if (drv_json_member(object, "list_s"))
        watch.list_s = json_object_get_double(drv_json_member(object, "list_s"));
    else if (drv_json_member(object, "connected"))
        take_connection(agent, object);
}

static void
is_reaped(GPid pid, gint status, gpointer data)
{
    (void)pid;
    (void)status;
    (void)data;
}

/* All that it said has been read. */
static void
has_ended(Agent *agent)
{
    g_autoptr(json_object) lost = json_object_new_object();

    (void)kill(watch.pid, SIGKILL);
    g_child_watch_add(watch.pid, is_reaped, NULL);
    watch.pid = 0;
    if (watch.in_source)
        g_source_remove(watch.in_source);
    watch.in_source = 0;
    close(watch.in);
    json_object_object_add(lost, "connected", json_object_new_boolean(FALSE));
    json_object_object_add(
        lost, "since", json_object_new_double((double)g_get_real_time() / 1e6));
    json_object_object_add(lost, "reason", json_object_new_string("the watcher ended"));
    take_connection(agent, lost);
    drv_warn("the watcher ended; it is started again in %u s", watch.backoff_s);
    g_timeout_add(watch.backoff_s * 1000 + 10, start_watcher, agent);
    watch.backoff_s = CLAMP(watch.backoff_s * 2, 1, MAX_BACKOFF_S);
}

static gboolean
can_read(int fd, GIOCondition condition, gpointer data)
{
    char buffer[65536], *newline;
    gssize n = read(fd, buffer, sizeof buffer);

    (void)condition;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (n <= 0 || watch.text->len > MAX_LINE) {
        close(fd);
        has_ended(data);
        return G_SOURCE_REMOVE;
    }
    g_string_append_len(watch.text, buffer, n);
    while ((newline = memchr(watch.text->str, '\n', watch.text->len)) != NULL) {
        *newline = '\0';
        take_line(data, watch.text->str);
        g_string_erase(watch.text, 0, newline - watch.text->str + 1);
    }
    return G_SOURCE_CONTINUE;
}

/* --- the process ----------------------------------------------------------------------
 */

static gboolean
can_write(int fd, GIOCondition condition, gpointer data)
{
    gssize n = write(fd, watch.to_say->str, watch.to_say->len);

    (void)condition;
    (void)data;
    if (n > 0)
        g_string_erase(watch.to_say, 0, n);
    if (watch.to_say->len > 0 && (n > 0 || errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    watch.in_source = 0;
    return G_SOURCE_REMOVE;
}

static void
say_what_is_known(Agent *agent)
{
    g_autoptr(json_object) line = json_object_new_object();
    json_object *known = json_object_new_array(), *facts;
    GHashTableIter iter;

    g_hash_table_iter_init(&iter, agent->domains);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&facts))
        json_object_array_add(known, json_object_get(facts));
    json_object_object_add(line, "known", known);
    json_object_object_add(line, "seq", json_object_new_int64((gint64)watch.seq));
    if (agent->uri)
        json_object_object_add(line, "uri", json_object_new_string(agent->uri));
    g_string_assign(watch.to_say,
                    json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN));
    g_string_append_c(watch.to_say, '\n');
}

static gboolean
spawn(Agent *agent, GError **error)
{
    int in[2], out[2];
    gboolean ok;

    if (pipe2(in, O_CLOEXEC) < 0)
        return drv_throw_errno(error, "cannot make a pipe");
    if (pipe2(out, O_CLOEXEC) < 0) {
        close(in[0]);
        close(in[1]);
        return drv_throw_errno(error, "cannot make a pipe");
    }
    ok = process_spawn(agent, "drv-agent-watcher", in[0], out[1], &watch.pid, error);
    close(in[0]);
    close(out[1]);
    if (!ok) {
        close(in[1]);
        close(out[0]);
        return FALSE;
    }
    watch.in = in[1];
    (void)g_unix_set_fd_nonblocking(in[1], TRUE, NULL);
    (void)g_unix_set_fd_nonblocking(out[0], TRUE, NULL);
    g_string_truncate(watch.text, 0);
    g_unix_fd_add(out[0], G_IO_IN | G_IO_HUP, can_read, agent);
    watch.in_source = g_unix_fd_add(in[1], G_IO_OUT, can_write, agent);
    return TRUE;
}

static gboolean
start_watcher(gpointer data)
{
    g_autoptr(GError) error = NULL;

    say_what_is_known(data);
    if (!spawn(data, &error)) {
        drv_warn("cannot start the watcher: %s", error->message);
        g_timeout_add_seconds(MAX_BACKOFF_S, start_watcher, data);
    }
    return G_SOURCE_REMOVE;
}

static void
facts_free(gpointer facts)
{
    json_object_put(facts);
}

gboolean
events_open(Agent *agent, GError **error)
{
    agent->domains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, facts_free);
    if (!store_load(agent, "domains", load_domain, error))
        return drv_prefix(error, "cannot read the domains");
    watch.text = g_string_new(NULL);
    watch.to_say = g_string_new(NULL);
    watch.seq = watch.started = agent->instance << 20; /* later than any before */
    watch.since = (double)g_get_real_time() / 1e6;
    if (strcmp(agent->backend, "libvirt") == 0)
        (void)start_watcher(agent);
    return TRUE;
}

/* --- methods --------------------------------------------------------------------------
 */

json_object *
events_state(void)
{
    json_object *state = json_object_new_object();

    json_object_object_add(state, "connected", json_object_new_boolean(watch.connected));
    json_object_object_add(state, "since", json_object_new_double(watch.since));
    json_object_object_add(state, "seq", json_object_new_int64((gint64)watch.seq));
    json_object_object_add(state, "taken", json_object_new_int64((gint64)watch.taken));
    json_object_object_add(state, "list_s", json_object_new_double(watch.list_s));
    if (watch.reason)
        json_object_object_add(state, "reason", json_object_new_string(watch.reason));
    if (watch.pid)
        json_object_object_add(state, "pid", json_object_new_int(watch.pid));
    return state;
}

const char *
events_hypervisor(void)
{
    return watch.hypervisor ? watch.hypervisor : "";
}

json_object *
events_capabilities(Call *call)
{
    (void)call;
    return watch.sources ? json_object_get(watch.sources) : json_object_new_object();
}

/* Events after the call's "since"; *complete: none of them is forgotten. */
static json_object *
events_since(gint64 since, gboolean *complete)
{
    json_object *all = json_object_new_array();
    const Event *first = g_queue_peek_head(&watch.kept);

    *complete = since >= 0 && (guint64)since >= watch.started &&
                (watch.kept.length < KEPT_EVENTS || first->seq <= (guint64)since + 1);
    for (GList *l = watch.kept.head; l; l = l->next) {
        const Event *event = l->data;

        if (since < 0 || event->seq > (guint64)since)
            json_object_array_add(all, json_tokener_parse(event->line));
    }
    return all;
}

json_object *
events_list(Call *call)
{
    gint64 since = -1;
    gboolean complete;

    if (arg(call, "since") && !arg_number(call, "since", &since))
        return NULL;
    return events_since(since, &complete);
}

/* The answer says how the stream stands; what was after "since" follows at once. */
json_object *
events_subscribe(Call *call)
{
    json_object *state = events_state(), *before;
    gint64 since = (gint64)watch.seq;
    gboolean complete;

    if (call->http) {
        json_object_put(state);
        return call_fail_text(call, "events are streamed on the raw connection only");
    }
    if (arg(call, "since") && !arg_number(call, "since", &since)) {
        json_object_put(state);
        return NULL;
    }
    before = events_since(since, &complete);
    json_object_object_add(state, "events", before);
    json_object_object_add(state, "complete", json_object_new_boolean(complete));
    call->subscribe = TRUE;
    return state;
}
