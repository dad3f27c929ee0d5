/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/worker/domain-xml.h"

#include <string.h>

#include "virt/capabilities.h"
#include "virt/stats.h"

/* --- the marker ------------------------------------------------------------------------
 */

char *
domain_xml_marker(const Job *job)
{
    /* libvirt adds the namespace, and refuses an element that has one. */
    g_autoptr(DrvXml) xml = drv_xml_new("vm");

    drv_xml_node_set(drv_xml_root(xml), "id", job->id);
    return drv_xml_node_to_text(drv_xml_root(xml));
}

void
domain_xml_mark(DrvXml *xml, const Job *job)
{
    DrvNode *metadata = drv_xml_first(xml, NULL, "/domain/metadata");
    DrvNode *marker;
    g_autoptr(GPtrArray) old = NULL;

    drv_xml_variable(xml, "uri", AGENT_METADATA_URI);
    old = drv_xml_all(xml, NULL, "/domain/metadata/*[namespace-uri()=$uri]");
    for (guint i = 0; i < old->len; i++)
        drv_xml_node_remove(g_ptr_array_index(old, i));
    if (metadata == NULL)
        metadata = drv_xml_node_add(drv_xml_root(xml), "metadata", NULL);
    marker = drv_xml_node_add(metadata, "agent:vm", NULL);
    drv_xml_node_set(marker, "xmlns:agent", AGENT_METADATA_URI);
    drv_xml_node_set(marker, "id", job->id);
    drv_xml_node_set(marker, "unsurvivable", *job->task ? job->task : "yes");
}

/* --- the guest's hardware --------------------------------------------------------------
 */

static void
add_memory(Job *job, DrvNode *domain)
{
    gint64 most = drv_json_number(job->vm, "memory_static_max", 0);
    gint64 now = drv_json_number(job->vm, "memory_dynamic_max", most);
    g_autofree char *max_text = g_strdup_printf("%" G_GINT64_FORMAT, most / 1024);
    g_autofree char *now_text = g_strdup_printf("%" G_GINT64_FORMAT, now / 1024);

    drv_xml_node_set(drv_xml_node_add(domain, "memory", max_text), "unit", "KiB");
    drv_xml_node_set(drv_xml_node_add(domain, "currentMemory", now_text), "unit", "KiB");
}

static void
add_vcpus(Job *job, DrvNode *domain)
{
    gint64 now = drv_json_number(job->vm, "vcpus", 1);
    gint64 most = drv_json_number(job->vm, "vcpu_max", now);
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, most);

    drv_xml_node_setf(
        drv_xml_node_add(domain, "vcpu", text), "current", "%" G_GINT64_FORMAT, now);
}

/* One VCPU after the other: the list of its CPUs. */
static void
add_affinity(Job *job, DrvNode *domain)
{
    json_object *lists =
        drv_json_member(drv_json_member(job->vm, "scheduler_params"), "affinity");
    DrvNode *tune = NULL;

    if (!json_object_is_type(lists, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(lists); i++) {
        json_object *cpus = json_object_array_get_idx(lists, i);
        g_autoptr(GString) set = g_string_new(NULL);
        DrvNode *pin;

        for (size_t k = 0; json_object_is_type(cpus, json_type_array) &&
                           k < json_object_array_length(cpus);
             k++)
            g_string_append_printf(
                set,
                "%s%d",
                k ? "," : "",
                json_object_get_int(json_object_array_get_idx(cpus, k)));
        if (set->len == 0)
            continue;
        if (tune == NULL)
            tune = drv_xml_node_add(domain, "cputune", NULL);
        pin = drv_xml_node_add(tune, "vcpupin", NULL);
        drv_xml_node_setf(pin, "vcpu", "%zu", i);
        drv_xml_node_set(pin, "cpuset", set->str);
    }
}

/* @order as xenopsd has it: c, d, n. */
static void
add_boot_order(DrvNode *os, const char *order)
{
    for (const char *at = *order ? order : "c"; *at; at++) {
        const char *device = *at == 'c' ? "hd" : *at == 'd' ? "cdrom" : "network";

        if (strchr("cdn", *at))
            drv_xml_node_set(drv_xml_node_add(os, "boot", NULL), "dev", device);
    }
}

static gboolean
add_direct_boot(Job *job, DrvNode *os, json_object *boot, GError **error)
{
    json_object *direct;
    const char *ramdisk, *cmdline;

    if (strcmp(agent_json_variant(boot, &direct), "Direct") != 0)
        return job_fail(job,
                        error,
                        DRV_ERROR_UNSUPPORTED,
                        "Unimplemented",
                        json_object_new_string("boot loaders of PV guests"),
                        "a guest can be booted from a kernel, not by a boot loader");
    ramdisk = drv_json_text(direct, "ramdisk", "");
    cmdline = drv_json_text(direct, "cmdline", "");
    drv_xml_node_add(os, "kernel", drv_json_text(direct, "kernel", ""));
    if (*ramdisk)
        drv_xml_node_add(os, "initrd", ramdisk);
    if (*cmdline)
        drv_xml_node_add(os, "cmdline", cmdline);
    return TRUE;
}

/* @type is of libvirt: kvm, qemu, test. */
static gboolean
add_os(Job *job, DrvNode *domain, const char *kind, json_object *guest, GError **error)
{
    const char *machine =
        drv_json_text(drv_json_member(job->vm, "platformdata"), "machine", "");
    DrvNode *os = drv_xml_node_add(domain, "os", NULL);
    DrvNode *type = drv_xml_node_add(os, "type", "hvm");

    drv_xml_node_set(type, "machine", machine);
    if (strcmp(agent_json_variant(drv_json_member(guest, "firmware"), NULL), "Uefi") == 0)
        drv_xml_node_set(os, "firmware", "efi");
    if (strcmp(kind, "HVM") != 0)
        return add_direct_boot(job, os, drv_json_member(guest, "boot"), error);
    add_boot_order(os, drv_json_text(guest, "boot_order", ""));
    return TRUE;
}

static gboolean
lists(json_object *actions, const char *name)
{
    for (size_t i = 0; json_object_is_type(actions, json_type_array) &&
                       i < json_object_array_length(actions);
         i++) {
        if (strcmp(agent_json_variant(json_object_array_get_idx(actions, i), NULL),
                   name) == 0)
            return TRUE;
    }
    return FALSE;
}

/* QEMU reboots a guest in place.  A guest that ends, however, ends: what follows is the
 * core's to decide, which knows how long it ran.
 */
static void
add_actions(Job *job, DrvNode *domain)
{
    json_object *reboot = drv_json_member(job->vm, "on_reboot");
    gboolean again = reboot == NULL || lists(reboot, "Start");
    gboolean dump = lists(drv_json_member(job->vm, "on_crash"), "Coredump");

    drv_xml_node_add(domain, "on_poweroff", "destroy");
    drv_xml_node_add(domain, "on_reboot", again ? "restart" : "destroy");
    drv_xml_node_add(domain, "on_crash", dump ? "coredump-destroy" : "destroy");
}

/* Each guest has two: one that needs nothing of the guest, and a screen. */
static void
add_consoles(DrvNode *devices, json_object *guest)
{
    const char *video = agent_json_variant(drv_json_member(guest, "video"), NULL);
    DrvNode *serial = drv_xml_node_add(devices, "serial", NULL);
    DrvNode *console = drv_xml_node_add(devices, "console", NULL);
    DrvNode *screen = drv_xml_node_add(devices, "graphics", NULL);
    DrvNode *card = drv_xml_node_add(devices, "video", NULL);

    drv_xml_node_set(serial, "type", "pty");
    drv_xml_node_set(console, "type", "pty");
    drv_xml_node_set(screen, "type", "vnc");
    drv_xml_node_set(screen, "autoport", "yes");
    drv_xml_node_set(screen, "listen", drv_json_text(guest, "vnc_ip", "127.0.0.1"));
    drv_xml_node_set(screen, "keymap", drv_json_text(guest, "keymap", ""));
    drv_xml_node_set(drv_xml_node_add(card, "model", NULL),
                     "type",
                     strcmp(video, "Cirrus") == 0 ? "cirrus" : "vga");
}

/* The best of what libvirt can do here, whatever it is. */
static char *
domain_type(Job *job, GError **error)
{
    const char *said =
        drv_json_text(drv_json_member(job->vm, "platformdata"), "type", "");
    g_autofree char *text = NULL;
    g_autofree char *first = NULL;
    g_autoptr(DrvXml) xml = NULL;

    if (*said)
        return g_strdup(said);
    text = drv_capabilities_host(job->virt, error);
    xml = text ? drv_xml_parse("libvirt's capabilities", text, -1, error) : NULL;
    if (xml == NULL)
        return NULL;
    if (drv_xml_has(xml, NULL, "/capabilities/guest/arch/domain[@type='kvm']"))
        return g_strdup("kvm");
    first = drv_xml_text(xml, NULL, "/capabilities/guest/arch/domain/@type");
    return g_strdup(*first ? first : "qemu");
}

static DrvXml *
from_record(Job *job, GError **error)
{
    g_autofree char *type = domain_type(job, error);
    json_object *guest = NULL;
    const char *kind = agent_json_variant(drv_json_member(job->vm, "ty"), &guest);
    g_autoptr(DrvXml) xml = NULL;
    DrvNode *domain, *features;

    if (type == NULL)
        return NULL;
    if (drv_json_number(job->vm, "memory_static_max", 0) < 1024) {
        (void)drv_throw(error, DRV_ERROR_USAGE, "the record has no memory_static_max");
        return NULL;
    }
    xml = drv_xml_new("domain");
    domain = drv_xml_root(xml);
    drv_xml_node_set(domain, "type", type);
    add_memory(job, domain);
    add_vcpus(job, domain);
    add_affinity(job, domain);
    if (!add_os(job, domain, kind, guest, error))
        return NULL;
    features = drv_xml_node_add(domain, "features", NULL);
    if (drv_json_flag(guest, "acpi", TRUE))
        drv_xml_node_add(features, "acpi", NULL);
    drv_xml_node_add(features, "apic", NULL);
    add_actions(job, domain);
    add_consoles(drv_xml_node_add(domain, "devices", NULL), guest);
    return g_steal_pointer(&xml);
}

/* --- the whole -------------------------------------------------------------------------
 */

/* A document may leave both to the record; a UUID of its own would be another VM. */
static gboolean
identify(Job *job, DrvXml *xml, GError **error)
{
    g_autofree char *uuid = drv_xml_text(xml, NULL, "/domain/uuid");
    const char *name = drv_json_text(job->vm, "name", job->id);
    DrvNode *domain = drv_xml_root(xml);

    if (strcmp(drv_xml_node_name(domain), "domain") != 0)
        return drv_throw(
            error, DRV_ERROR_DUMP, "the VM's document is not a domain's XML");
    if (*uuid == '\0')
        drv_xml_node_add(domain, "uuid", job->uuid);
    else if (g_ascii_strcasecmp(uuid, job->uuid) != 0)
        return drv_throw(error,
                         DRV_ERROR_REFUSED,
                         "the VM's document is of UUID %s, the VM is %s",
                         uuid,
                         job->uuid);
    if (!drv_xml_has(xml, NULL, "/domain/name"))
        drv_xml_node_add(domain, "name", name);
    return TRUE;
}

static int
rank(json_object *device)
{
    static const char *const classes[] = { "VBD", "VIF", "PCI" };
    const char *mode =
        agent_json_variant(drv_json_member(device_record(device), "mode"), NULL);
    int i = 0;

    while (i < 3 && strcmp(device_class(device), classes[i]) != 0)
        i++;
    /* Who reads a disk must not keep its writer away. */
    return i == 0 ? strcmp(mode, "ReadOnly") == 0 : i + 1;
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    json_object *const *first = a, *const *second = b;
    int by_class = rank(*first) - rank(*second);
    gint64 by_position;

    if (by_class)
        return by_class;
    by_position = drv_json_number(device_record(*first), "position", 0) -
                  drv_json_number(device_record(*second), "position", 0);
    return by_position < 0 ? -1 : by_position > 0;
}

static gboolean
add_devices(Job *job, DrvXml *xml, GError **error)
{
    DrvNode *devices = drv_xml_first(xml, NULL, "/domain/devices");
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();

    if (devices == NULL)
        devices = drv_xml_node_add(drv_xml_root(xml), "devices", NULL);
    for (size_t i = 0; i < json_object_array_length(job->devices); i++)
        g_ptr_array_add(sorted, json_object_array_get_idx(job->devices, i));
    g_ptr_array_sort(sorted, compare);
    for (guint i = 0; i < sorted->len; i++) {
        if (!device_xml_add(job, devices, g_ptr_array_index(sorted, i), i, error))
            return FALSE;
    }
    return TRUE;
}

char *
domain_xml_new(Job *job, GError **error)
{
    const char *document = drv_json_text(job->vm, "xml", "");
    g_autoptr(DrvXml) xml = *document
                                ? drv_xml_parse("the VM's document", document, -1, error)
                                : from_record(job, error);

    if (xml == NULL || !identify(job, xml, error) || !add_devices(job, xml, error))
        return NULL;
    domain_xml_mark(xml, job);
    return drv_xml_to_text(xml);
}
