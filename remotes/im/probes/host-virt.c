/* SPDX-License-Identifier: Apache-2.0 */
/* Asking libvirt what guests can be given here.
 *
 * A host without libvirt for a while is still the same host: these say nothing then, and
 * the front-end keeps what it knew.
 */
#include "base/error.h"
#include "im/base/im.h"
#include "virt/capabilities.h"

static gboolean
no_answer(ImContext *im, GError **why, GError **error)
{
    im_virt_drop(im);
    if (drv_error_is(*why, DRV_ERROR_CANCELLED)) {
        g_propagate_error(error, g_steal_pointer(why));
        return FALSE;
    }
    drv_ignore(why, "what the front-end knew still holds");
    return TRUE;
}

/* Guests of the wanted type, or of the one that is there (a host without KVM). */
static char *
guest_capabilities(ImContext *im, DrvVirt *virt, GError **error)
{
    g_autoptr(GError) why = NULL;
    char *text = drv_capabilities_guest(virt, im->hypervisor, &why);

    if (text == NULL && !drv_error_is(why, DRV_ERROR_CANCELLED))
        return drv_capabilities_guest(virt, NULL, error);
    if (text == NULL)
        g_propagate_error(error, g_steal_pointer(&why));
    return text;
}

static gboolean
report_machines_models(ImContext *im, GString *out, GError **error)
{
    g_autoptr(GError) why = NULL;
    DrvVirt *virt = im_virt(im, &why);
    g_autofree char *host = virt ? drv_capabilities_host(virt, &why) : NULL;
    g_autofree char *guests = host ? guest_capabilities(im, virt, &why) : NULL;

    if (guests == NULL)
        return no_answer(im, &why, error);
    return im_parse_machines(host, out, error) && im_parse_models(guests, out, error);
}

IM_PROBE_REGISTER(im_machines_models, report_machines_models);

/* The host's own model as libvirt has it among the guests' capabilities, as <cpu>. */
static char *
host_model(const char *guests, GError **error)
{
    g_autoptr(DrvXml) xml = drv_xml_parse("the guests' capabilities", guests, -1, error);
    DrvNode *mode =
        xml ? drv_xml_first(xml, NULL, "cpu/mode[@name = 'host-model'][model]") : NULL;
    g_autoptr(DrvXml) cpu = drv_xml_new("cpu");
    g_autoptr(GPtrArray) parts = mode ? drv_xml_all(xml, mode, "*") : NULL;

    if (parts == NULL)
        return NULL;
    for (guint i = 0; i < parts->len; i++)
        (void)drv_xml_node_add_copy(drv_xml_root(cpu), g_ptr_array_index(parts, i));
    return drv_xml_node_to_text(drv_xml_root(cpu));
}

static gboolean
report_cpu_features(ImContext *im, GString *out, GError **error)
{
    g_autoptr(GError) why = NULL;
    DrvVirt *virt = im_virt(im, &why);
    g_autofree char *guests = virt ? guest_capabilities(im, virt, &why) : NULL;
    g_autofree char *model = guests ? host_model(guests, &why) : NULL;
    g_autofree char *cpu = NULL;

    if (guests && model == NULL && why == NULL)
        return TRUE; /* not on this architecture */
    if (model)
        cpu = drv_capabilities_expand_cpu(virt, im->hypervisor, model, &why);
    if (model && cpu == NULL && drv_error_is(why, DRV_ERROR_UNSUPPORTED)) {
        drv_ignore(&why, "the model's own features are better than none");
        cpu = g_steal_pointer(&model);
    }
    return cpu ? im_parse_features(cpu, out, error) : no_answer(im, &why, error);
}

IM_PROBE_REGISTER(im_cpu_features, report_cpu_features);

static gboolean
report_memory_encryption(ImContext *im, GString *out, GError **error)
{
    g_autoptr(GError) why = NULL;
    DrvVirt *virt = im_virt(im, &why);
    g_autofree char *guests = virt ? guest_capabilities(im, virt, &why) : NULL;

    return guests ? im_parse_encryption(guests, out, error) : no_answer(im, &why, error);
}

IM_PROBE_REGISTER(im_memory_encryption, report_memory_encryption);
