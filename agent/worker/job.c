/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/worker/job.h"

#include <signal.h>
#include <stdarg.h>

#include "agent/common/document.h"
#include "agent/common/json-line.h"
#include "agent/common/vm-uuid.h"
#include "base/cancel.h"
#include "base/log.h"

/* --- reading ---------------------------------------------------------------------------
 */

/* At the deadline, the process is told to stop as by anybody else. */
static gboolean
arm(Job *job, gint64 seconds, GError **error)
{
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGTERM };
    struct itimerspec when = { .it_value.tv_sec = (time_t)seconds };

    if (seconds <= 0)
        return TRUE;
    if (timer_create(CLOCK_MONOTONIC, &event, &job->timer) < 0)
        return drv_throw_errno(error, "cannot set the deadline");
    job->armed = TRUE;
    if (timer_settime(job->timer, 0, &when, NULL) < 0)
        return drv_throw_errno(error, "cannot set the deadline");
    job->deadline = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;
    return TRUE;
}

static json_object *
part(json_object *document, const char *key, enum json_type type)
{
    json_object *value = drv_json_member(document, key);

    if (json_object_is_type(value, type))
        return value;
    value = type == json_type_array ? json_object_new_array() : json_object_new_object();
    json_object_object_add(document, key, value);
    return value;
}

/* What the core knows of earlier operations, if it is not in the record. */
static void
take_learnt(Job *job)
{
    static const char *const keys[] = { "suspend_file", "migrating_to", "migrated_to" };
    json_object *state = drv_json_member(job->document, "state");

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        json_object *value = drv_json_member(state, keys[i]);

        if (value && drv_json_member(job->vm, keys[i]) == NULL)
            json_object_object_add(job->vm, keys[i], json_object_get(value));
    }
}

gboolean
job_read(Job *job, GError **error)
{
    const char *uuid;

    job->document = agent_document_next(JOB_MAX_SIZE, error);
    if (job->document == NULL)
        return FALSE;
    job->operation = drv_json_text(job->document, "operation", "");
    job->task = drv_json_text(job->document, "task", "");
    job->vm = part(job->document, "vm", json_type_object);
    job->devices = part(job->document, "devices", json_type_array);
    job->options = part(job->document, "options", json_type_object);
    take_learnt(job);
    job->id = drv_json_text(job->vm, "id", "");
    uuid = drv_json_text(job->vm, "uuid", job->id);
    if (*uuid)
        job->uuid = agent_uuid(uuid);
    return arm(job, drv_json_number(job->document, "deadline_s", 0), error);
}

void
job_clear(Job *job)
{
    if (job->armed)
        (void)timer_delete(job->timer);
    job->armed = FALSE;
    g_clear_pointer(&job->virt, drv_virt_close);
    g_clear_pointer(&job->uuid, g_free);
    g_clear_pointer(&job->undone, g_free);
    json_object_put(job->result);
    json_object_put(job->variant);
    json_object_put(job->document);
    job->result = job->variant = job->document = NULL;
}

/* --- writing ---------------------------------------------------------------------------
 */

/* A core that is gone does not stop what was begun: whoever comes next finds the domain
 * complete, or its marker.
 */
static void
print(json_object *line)
{
    agent_print_line(line, "the caller is gone");
}

gboolean
job_step(
    Job *job, double progress, const char *phase, gboolean cancellable, GError **error)
{
    json_object *line = json_object_new_object();
    json_object *number = json_object_new_double(progress);

    (void)job;
    json_object_set_serializer(
        number, json_object_double_to_json_string, (void *)"%.3f", NULL);
    json_object_object_add(line, "progress", number);
    json_object_object_add(line, "phase", json_object_new_string(phase));
    json_object_object_add(line, "cancellable", json_object_new_boolean(cancellable));
    print(line);
    return !cancellable || drv_cancel_check(error);
}

void
job_state(json_object *state)
{
    json_object *line = json_object_new_object();

    json_object_object_add(line, "state", state);
    print(line);
}

static json_object *
variant_new(const char *name, json_object *argument)
{
    json_object *variant = json_object_new_array();

    json_object_array_add(variant, json_object_new_string(name));
    if (argument)
        json_object_array_add(variant, argument);
    return variant;
}

/* What a code is called in the interface, when the place that failed did not say. */
static json_object *
variant_of(const Job *job, const GError *error)
{
    switch (drv_error_code(error)) {
    case DRV_ERROR_CANCELLED:
        if (job->deadline && g_get_monotonic_time() >= job->deadline)
            return variant_new("Internal_error",
                               json_object_new_string("the deadline has passed"));
        return variant_new("Cancelled", json_object_new_string(job->task));
    case DRV_ERROR_NOT_FOUND:
        return variant_new("Does_not_exist", agent_json_pair("VM", job->id));
    case DRV_ERROR_EXISTS:
        return variant_new("Already_exists", agent_json_pair("VM", job->id));
    case DRV_ERROR_UNSUPPORTED:
        return variant_new("Unimplemented", json_object_new_string(job->operation));
    case DRV_ERROR_NO_SPACE:
        return variant_new("IO_error", NULL);
    default:
        return variant_new("Internal_error", json_object_new_string(error->message));
    }
}

int
job_answer(Job *job, gboolean ok, const GError *error)
{
    json_object *line = json_object_new_object();

    if (ok) {
        json_object_object_add(line, "result", g_steal_pointer(&job->result));
        print(line);
        return 0;
    }
    /* Whatever else was the matter: who is told to stop has been stopped. */
    if (job->variant && !drv_error_is(error, DRV_ERROR_CANCELLED))
        json_object_object_add(line, "error", g_steal_pointer(&job->variant));
    else
        json_object_object_add(line, "error", variant_of(job, error));
    json_object_object_add(line, "message", json_object_new_string(error->message));
    if (job->undone)
        json_object_object_add(line, "undone", json_object_new_string(job->undone));
    print(line);
    return 1;
}

gboolean
job_fail(Job *job,
         GError **error,
         DrvErrorCode code,
         const char *variant,
         json_object *argument,
         const char *format,
         ...)
{
    g_autofree char *message = NULL;
    va_list args;

    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    json_object_put(job->variant);
    job->variant = variant_new(variant, argument);
    return drv_throw(error, code, "%s", message);
}

gboolean
job_bad_power(Job *job, const char *found, const char *expected, GError **error)
{
    return job_fail(job,
                    error,
                    DRV_ERROR_VIRT,
                    "Bad_power_state",
                    agent_json_pair(found, expected),
                    "the VM is %s, not %s",
                    found,
                    expected);
}
