/* SPDX-License-Identifier: Apache-2.0 */
/* VM.set_affinity: which CPUs each VCPU runs on.  options:
 *
 *     affinity   [[4],[5,6]]: CPUs of VCPU 0, of VCPU 1; others stay as they are
 *
 * It holds for the running domain; a definition keeps what it says.
 */
#include "agent/worker/ops.h"
#include "base/error.h"

#define MAX_CPUS 65536

static gboolean
pin_one(DrvDomain *domain, guint vcpu, json_object *list, GError **error)
{
    g_autoptr(GArray) cpus = g_array_new(FALSE, FALSE, sizeof(guint));

    for (gsize i = 0; i < json_size(list); i++) {
        json_object *value = json_element(list, i);
        gint64 number =
            json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : -1;
        guint cpu = (guint)number;

        if (number < 0 || number >= MAX_CPUS)
            return drv_throw(error, DRV_ERROR_USAGE, "'affinity' is not lists of CPUs");
        g_array_append_val(cpus, cpu);
    }
    if (!drv_domain_pin(
            domain, vcpu, (const guint *)(gpointer)cpus->data, cpus->len, error))
        return drv_prefix(error, "VCPU %u", vcpu);
    return TRUE;
}

gboolean
pin_all(DrvDomain *domain, json_object *affinity, GError **error)
{
    for (gsize i = 0; i < json_size(affinity); i++) {
        if (!pin_one(domain, (guint)i, json_element(affinity, i), error))
            return FALSE;
    }
    return TRUE;
}

gboolean
op_set_affinity(Job *job, GError **error)
{
    json_object *affinity = drv_json_member(job->options, "affinity");
    g_auto(Facts) facts = { 0 };

    if (json_size(affinity) == 0)
        return drv_throw(error, DRV_ERROR_USAGE, "'affinity' is not lists of CPUs");
    if (!job_step(job, 0, "look", TRUE, error) || !facts_read(job, &facts, error))
        return FALSE;
    if (!facts_is_active(&facts))
        return job_not_built(job, error);
    return pin_all(facts.domain, affinity, error) && report_state(job, error);
}
