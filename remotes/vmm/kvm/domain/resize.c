/* SPDX-License-Identifier: Apache-2.0 */
/* resize: CPUs and memory of a running domain, both or neither. */
#include "vmm/kvm/domain/resize.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/log.h"
#include "vmm/ops/host.h"
#include "vmm/ops/session.h"

typedef struct {
    DrvDomain *domain;
    DrvXml *document;
    KvmChange vcpu, memory;
} Resize;
typedef gboolean (*Step)(const Resize *resize, const KvmChange *change, GError **error);

static gboolean
read_change(DrvXml *document, const char *name, KvmChange *change, GError **error)
{
    g_autofree char *was = g_strconcat("VM/TEMPLATE/RESIZE/", name, NULL);
    g_autofree char *is = g_strconcat("VM/TEMPLATE/", name, NULL);
    g_autofree char *now = drv_xml_get(document, NULL, is);
    g_autofree char *before = drv_xml_get(document, NULL, was);

    *change = (KvmChange){ 0, 0 };
    if (now && !g_ascii_string_to_unsigned(now, 10, 1, G_MAXUINT32, &change->now, NULL))
        return drv_throw(error, DRV_ERROR_DUMP, "%s: not a number: '%s'", is, now);
    if (before &&
        !g_ascii_string_to_unsigned(before, 10, 0, G_MAXUINT32, &change->before, NULL))
        return drv_throw(error, DRV_ERROR_DUMP, "%s: not a number: '%s'", was, before);
    return TRUE;
}

static gboolean
is_needed(const KvmChange *change)
{
    return change->now > 0 && change->before > 0 && change->now != change->before;
}

static gboolean
resize_memory(DrvDomain *domain,
              DrvXml *document,
              const KvmChange *change,
              GError **error)
{
    g_autofree char *mode =
        drv_xml_text(document, NULL, "VM/TEMPLATE/MEMORY_RESIZE_MODE");
    gboolean ok;

    if (g_ascii_strcasecmp(mode, "HOTPLUG") == 0)
        ok = kvm_plug_memory(domain, change, error);
    else
        ok = drv_domain_set_memory(domain, change->now * KIB_PER_MIB, error);
    return ok || drv_prefix(error, "memory to %" G_GUINT64_FORMAT " MiB", change->now);
}

/* What a balloon cannot be given is known before anything is changed. */
static gboolean
check_memory(DrvDomain *domain, DrvXml *document, const KvmChange *change, GError **error)
{
    g_autofree char *mode =
        drv_xml_text(document, NULL, "VM/TEMPLATE/MEMORY_RESIZE_MODE");
    g_autoptr(DrvXml) live = vmm_domain_xml(domain, error);
    g_autofree char *text = live ? drv_xml_text(live, NULL, "/domain/memory") : NULL;
    guint64 kib;

    if (live == NULL)
        return FALSE;
    if (g_ascii_strcasecmp(mode, "HOTPLUG") == 0 ||
        !g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, &kib, NULL) ||
        change->now <= kib / KIB_PER_MIB)
        return TRUE;
    return drv_throw(error,
                     DRV_ERROR_UNSUPPORTED,
                     "memory to %" G_GUINT64_FORMAT " MiB: the domain was started with "
                     "%" G_GUINT64_FORMAT " MiB at most",
                     change->now,
                     kib / KIB_PER_MIB);
}

static gboolean
check_vcpus(DrvDomain *domain, const KvmChange *change, GError **error)
{
    g_autoptr(DrvXml) live = vmm_domain_xml(domain, error);
    g_autofree char *text = live ? drv_xml_text(live, NULL, "/domain/vcpu") : NULL;
    guint64 most;

    if (live == NULL)
        return FALSE;
    if (!g_ascii_string_to_unsigned(text, 10, 1, G_MAXUINT, &most, NULL) ||
        change->now <= most)
        return TRUE;
    return drv_throw(error,
                     DRV_ERROR_UNSUPPORTED,
                     "CPUs to %" G_GUINT64_FORMAT ": the domain was started with "
                     "%" G_GUINT64_FORMAT " at most",
                     change->now,
                     most);
}

static gboolean
do_vcpus(const Resize *resize, const KvmChange *change, GError **error)
{
    return kvm_set_vcpus(resize->domain, (guint)change->now, error) ||
           drv_prefix(error, "CPUs to %" G_GUINT64_FORMAT, change->now);
}

static gboolean
do_memory(const Resize *resize, const KvmChange *change, GError **error)
{
    return resize_memory(resize->domain, resize->document, change, error);
}

/* A failed action has changed nothing. */
static void
take_back(const Resize *resize, Step step, const KvmChange *change)
{
    DRV_CANCEL_SHIELD();
    const KvmChange back = { .now = change->before, .before = change->now };
    g_autoptr(GError) error = NULL;

    if (!step(resize, &back, &error))
        drv_error_log("not as it was: %s", error->message);
}

/* What is given back needs no guest, so CPUs that it has to release come first; else
 * memory does, as nothing but their limit keeps CPUs from being plugged.
 */
static gboolean
resize_both(const Resize *resize, GError **error)
{
    const KvmChange *vcpu = &resize->vcpu, *memory = &resize->memory;
    gboolean cpus_first = vcpu->now < vcpu->before;
    const KvmChange *changes[] = { cpus_first ? vcpu : memory,
                                   cpus_first ? memory : vcpu };
    const Step steps[] = { cpus_first ? do_vcpus : do_memory,
                           cpus_first ? do_memory : do_vcpus };

    if ((is_needed(memory) &&
         !check_memory(resize->domain, resize->document, memory, error)) ||
        (is_needed(vcpu) && !check_vcpus(resize->domain, vcpu, error)))
        return FALSE;
    if (is_needed(changes[0]) && !steps[0](resize, changes[0], error))
        return FALSE;
    if (!is_needed(changes[1]) || steps[1](resize, changes[1], error))
        return TRUE;
    if (is_needed(changes[0]))
        take_back(resize, steps[0], changes[0]);
    return FALSE;
}

static gboolean
resize(gconstpointer data, DrvSource *in, char **result, GError **error)
{
    const VmmHead *request = data;
    g_autoptr(DrvXml) document = vmm_document(request, error);
    g_auto(VmmSession) session = { 0 };
    Resize change = { 0 };

    (void)in;
    (void)result;
    if (document == NULL || !vmm_session_open(&session, request, error) ||
        !read_change(document, "VCPU", &change.vcpu, error) ||
        !read_change(document, "MEMORY", &change.memory, error))
        return FALSE;
    change.domain = session.domain;
    change.document = document;
    vmm_compact_memory(session.config, FALSE);
    return resize_both(&change, error);
}

const DrvOp kvm_resize = { .name = "kvm.resize", .request = &vmm_resize, .run = resize };
