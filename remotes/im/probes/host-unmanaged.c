/* SPDX-License-Identifier: Apache-2.0 */
/* Domains that the front-end did not start, with templates to import them by. */
#include <string.h>

#include "base/action.h"
#include "base/error.h"
#include "im/base/im.h"

static void
add_vector(DrvXml *xml,
           GString *out,
           const char *vector,
           const char *const (*fields)[2],
           guint n_fields)
{
    g_autoptr(GString) parts = g_string_new(NULL);

    for (guint i = 0; i < n_fields; i++) {
        g_autofree char *value = drv_xml_get(xml, NULL, fields[i][1]);

        if (value == NULL)
            continue;
        g_string_append_printf(parts, "%s %s=", parts->len ? "," : "", fields[i][0]);
        im_quote(parts, value);
    }
    if (parts->len > 0)
        g_string_append_printf(out, "%s = [%s ]\n", vector, parts->str);
}

static guint64
to_mib(const char *size, const char *unit)
{
    static const struct {
        const char *unit;
        guint64 bytes;
    } units[] = { { "b", 1 },       { "bytes", 1 },      { "KiB", 1024 },
                  { "k", 1024 },    { "KB", 1000 },      { "MiB", 1 << 20 },
                  { "M", 1 << 20 }, { "MB", 1000000 },   { "GiB", 1 << 30 },
                  { "G", 1 << 30 }, { "GB", 1000000000 } };
    guint64 value = g_ascii_strtoull(size, NULL, 10);

    for (guint i = 0; i < G_N_ELEMENTS(units); i++) {
        if (g_str_equal(unit, units[i].unit))
            return value * units[i].bytes >> 20;
    }
    return value >> 10;
}

char *
im_import_template(const char *domain_xml, GError **error)
{
    static const char *const os[][2] = { { "ARCH", "os/type/@arch" } };
    static const char *const graphics[][2] = {
        { "TYPE", "devices/graphics[@type = 'vnc' or @type = 'spice']/@type" },
        { "LISTEN", "devices/graphics[@type = 'vnc' or @type = 'spice']/@listen" },
        { "PORT", "devices/graphics[@type = 'vnc' or @type = 'spice']/@port[. > 0]" },
        { "KEYMAP", "devices/graphics[@type = 'vnc' or @type = 'spice']/@keymap" },
    };
    g_autoptr(DrvXml) xml = drv_xml_parse("the domain", domain_xml, -1, error);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autofree char *name = NULL, *uuid = NULL, *vcpus = NULL, *memory = NULL,
                    *unit = NULL;
    guint64 n;

    if (xml == NULL)
        return NULL;
    name = drv_xml_text(xml, NULL, "name");
    uuid = drv_xml_text(xml, NULL, "uuid");
    vcpus = drv_xml_text(xml, NULL, "vcpu");
    memory = drv_xml_text(xml, NULL, "memory");
    unit = drv_xml_text(xml, NULL, "memory/@unit");
    n = MAX(g_ascii_strtoull(vcpus, NULL, 10), 1);
    im_add(out, "NAME", name);
    im_add_number(out, "CPU", n);
    im_add_number(out, "VCPU", n);
    im_add_number(out, "MEMORY", to_mib(memory, unit));
    im_add(out, "HYPERVISOR", "kvm");
    im_add(out,
           drv_release_at_least(drv_action_release(), 5, 12, 0) ? "DEPLOY_ID"
                                                                : "IMPORT_VM_ID",
           uuid);
    add_vector(xml, out, "OS", os, G_N_ELEMENTS(os));
    if (drv_xml_has(xml, NULL, "features"))
        g_string_append_printf(out,
                               "FEATURES = [ ACPI=\"%s\", APIC=\"%s\", PAE=\"%s\" ]\n",
                               drv_xml_has(xml, NULL, "features/acpi") ? "yes" : "no",
                               drv_xml_has(xml, NULL, "features/apic") ? "yes" : "no",
                               drv_xml_has(xml, NULL, "features/pae") ? "yes" : "no");
    add_vector(xml, out, "GRAPHICS", graphics, G_N_ELEMENTS(graphics));
    return g_string_free(g_steal_pointer(&out), FALSE);
}

/* Base64 of the template, or NULL when the domain has gone meanwhile. */
static char *
coded_template(DrvVirt *virt, const char *uuid, GError **error)
{
    g_autoptr(DrvDomain) domain = drv_virt_find(virt, uuid, error);
    g_autofree char *xml = domain ? drv_domain_xml(domain, FALSE, error) : NULL;
    g_autofree char *text = xml ? im_import_template(xml, error) : NULL;

    return text ? g_base64_encode((const guchar *)text, strlen(text)) : NULL;
}

static gboolean
report_wild_vm(ImContext *im, GString *out, GError **error)
{
    g_autoptr(GError) why = NULL;
    DrvVirt *virt = im_virt(im, &why);
    g_autoptr(GPtrArray) all = virt ? drv_stats_all(virt, FALSE, &why) : NULL;

    for (guint i = 0; all && i < all->len; i++) {
        const DrvStats *vm = g_ptr_array_index(all, i);
        g_autoptr(GError) gone = NULL;
        g_autofree char *coded = NULL;

        if (im_vm_id(vm->name) >= 0)
            continue;
        coded = coded_template(virt, vm->uuid, &gone);
        if (coded == NULL) {
            drv_ignore(&gone, "it ended meanwhile");
            continue;
        }
        g_string_append(out, "VM = [ ID=\"-1\", DEPLOY_ID=");
        im_quote(out, vm->uuid);
        g_string_append(out, ", VM_NAME=");
        im_quote(out, vm->name);
        g_string_append_printf(out, ", IMPORT_TEMPLATE=\"%s\" ]\n", coded);
    }
    if (all)
        return TRUE;
    im_virt_drop(im);
    if (drv_error_is(why, DRV_ERROR_CANCELLED)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    drv_ignore(&why, "wild VMs are reported when libvirt is back");
    return TRUE;
}

IM_PROBE_REGISTER(im_wild_vm, report_wild_vm);
