/* SPDX-License-Identifier: Apache-2.0 */
/* What people write of a VM, as the agent's records. */
#include <string.h>

#include "agent/drv/drv.h"
#include "request/xml.h"

#define DEFAULT_MEMORY "512M"
#define MAX_DEVICES 25 /* vda ... vdy */

/* --- checks
 * -----------------------------------------------------------------------------
 */

static gboolean
check_keys(json_object *object,
           const char *what,
           const char *const *known,
           GError **error)
{
    if (!json_object_is_type(object, json_type_object))
        return drv_throw(error, DRV_ERROR_USAGE, "%s is not a JSON object", what);
    json_object_object_foreach(object, key, value)
    {
        (void)value;
        if (!g_strv_contains(known, key))
            return drv_throw(error, DRV_ERROR_USAGE, "%s has no key '%s'", what, key);
    }
    return TRUE;
}

/* "512M", "2GiB", "1048576" or a number: bytes. */
static gboolean
read_size(json_object *value, gint64 *bytes, GError **error)
{
    const char *text = json_object_get_string(value);
    static const char units[] = "KMGT";
    g_autofree char *digits = NULL;
    const char *unit;
    int shift = 0;

    digits = g_strndup(text, strspn(text, G_CSET_DIGITS));
    unit = text + strlen(digits);
    if (*unit && strchr(units, g_ascii_toupper(*unit))) {
        shift = 10 * (int)(strchr(units, g_ascii_toupper(*unit)) - units + 1);
        unit++;
    }
    if (g_ascii_strcasecmp(unit, "iB") == 0 || g_ascii_strcasecmp(unit, "B") == 0)
        unit += strlen(unit);
    if (*unit || !g_ascii_string_to_signed(digits, 10, 1, G_MAXINT64 >> 40, bytes, NULL))
        return drv_throw(error, DRV_ERROR_USAGE, "'%s' is not a valid size", text);
    *bytes <<= shift;
    return TRUE;
}

static gboolean
read_count(
    json_object *brief, const char *key, gint64 fallback, gint64 *n, GError **error)
{
    double given = json_real(brief, key, (double)fallback);

    *n = 0;
    if (!(given >= 1 && given <= 4096))
        return drv_throw(error, DRV_ERROR_USAGE, "'%s' is not from 1 to 4096", key);
    *n = (gint64)given;
    return TRUE;
}

/* --- devices
 * ----------------------------------------------------------------------------
 */

static json_object *
device_id(const char *vm, const char *name)
{
    return agent_json_pair(vm, name);
}

/* "PATH:FORMAT"; without a format a file is raw, but for what says to be qcow2. */
static json_object *
brief_disk(const char *text)
{
    const char *colon = strrchr(text, ':');
    gboolean named =
        colon && (strcmp(colon, ":raw") == 0 || strcmp(colon, ":qcow2") == 0);
    g_autofree char *path =
        named ? g_strndup(text, (gsize)(colon - text)) : g_strdup(text);
    json_object *disk = json_with_text(json_object_new_object(), "path", path);

    return named ? json_with_text(disk, "format", colon + 1) : disk;
}

static json_object *
disk_record(const char *vm, json_object *given, guint number, GError **error)
{
    static const char *const known[] = { "path",     "name",  "format",
                                         "readonly", "cdrom", NULL };
    g_autoptr(json_object) disk = json_object_is_type(given, json_type_string)
                                      ? brief_disk(json_object_get_string(given))
                                      : json_object_get(given);
    g_autofree char *default_name = g_strdup_printf("vd%c", 'a' + number);
    const char *path, *format;
    gboolean cdrom;
    json_object *record;

    if (!check_keys(disk, "a disk", known, error))
        return NULL;
    path = drv_json_text(disk, "path", "");
    if (!g_path_is_absolute(path)) {
        (void)drv_throw(
            error, DRV_ERROR_USAGE, "a disk's path has to be absolute: '%s'", path);
        return NULL;
    }
    cdrom = json_is_true(disk, "cdrom");
    format =
        drv_json_text(disk, "format", g_str_has_suffix(path, ".qcow2") ? "qcow2" : "raw");
    record = json_with(json_object_new_object(),
                       "id",
                       device_id(vm, drv_json_text(disk, "name", default_name)));
    json_with_text(record,
                   "mode",
                   cdrom || json_is_true(disk, "readonly") ? "ReadOnly" : "ReadWrite");
    json_with_text(record, "ty", cdrom ? "CDROM" : "Disk");
    json_with(record, "backend", agent_json_pair("Local", path));
    return json_with(record,
                     "extra_backend_keys",
                     json_with_text(json_object_new_object(), "format", format));
}

static json_object *
nic_record(const char *vm, json_object *given, guint number, GError **error)
{
    static const char *const known[] = { "bridge", "mac", NULL };
    g_autoptr(json_object) nic = json_object_is_type(given, json_type_string)
                                     ? json_with_text(json_object_new_object(),
                                                      "bridge",
                                                      json_object_get_string(given))
                                     : json_object_get(given);
    guint32 random = g_random_int();
    g_autofree char *mac = g_strdup_printf(
        "52:54:00:%02x:%02x:%02x", random & 255, random >> 8 & 255, random >> 16 & 255);
    g_autofree char *name = g_strdup_printf("%u", number);
    json_object *record;

    if (!check_keys(nic, "a network interface", known, error))
        return NULL;
    if (*drv_json_text(nic, "bridge", "") == '\0') {
        (void)drv_throw(error, DRV_ERROR_USAGE, "a network interface has no 'bridge'");
        return NULL;
    }
    record = json_with(json_object_new_object(), "id", device_id(vm, name));
    json_with(record, "position", json_object_new_int((int)number));
    json_with_text(record, "mac", drv_json_text(nic, "mac", mac));
    return json_with(
        record, "backend", agent_json_pair("Local", drv_json_text(nic, "bridge", "")));
}

typedef json_object *(*MakeRecord)(const char *vm,
                                   json_object *given,
                                   guint number,
                                   GError **error);

static gboolean
put_devices(json_object *all,
            const char *vm,
            const char *key,
            json_object *given,
            MakeRecord make,
            GError **error)
{
    json_object *list = json_object_new_array();

    json_with(all, key, list);
    if (given && !json_object_is_type(given, json_type_array))
        return drv_throw(error, DRV_ERROR_USAGE, "disks and nics are JSON arrays");
    if (json_size(given) > MAX_DEVICES)
        return drv_throw(
            error, DRV_ERROR_USAGE, "a VM has at most %d of each device", MAX_DEVICES);
    for (gsize i = 0; i < json_size(given); i++) {
        json_object *record = make(vm, json_element(given, i), (guint)i, error);

        if (record == NULL)
            return FALSE;
        json_object_array_add(list, record);
    }
    return TRUE;
}

/* --- the VM
 * -----------------------------------------------------------------------------
 */

/* What is booted: a kernel, or else the first disk. */
static json_object *
guest_type(json_object *brief, GError **error)
{
    static const char *const known[] = { "kernel", "initrd", "cmdline", NULL };
    json_object *boot = drv_json_member(brief, "boot"), *direct, *type;
    const char *firmware = drv_json_text(brief, "firmware", "bios");

    type = json_object_new_array();
    if (boot == NULL) {
        json_object *guest = json_with_text(json_object_new_object(), "boot_order", "c");

        json_with_text(guest, "video", "Standard_VGA");
        if (strcmp(firmware, "uefi") == 0)
            json_with(guest, "firmware", agent_json_pair("Uefi", "user"));
        json_object_array_add(type, json_object_new_string("HVM"));
        json_object_array_add(type, guest);
        return type;
    }
    if (!check_keys(boot, "'boot'", known, error) ||
        !drv_json_text(boot, "kernel", NULL)) {
        if (error && *error == NULL)
            (void)drv_throw(error, DRV_ERROR_USAGE, "'boot' has no 'kernel'");
        json_object_put(type);
        return NULL;
    }
    direct = json_with_text(
        json_object_new_object(), "kernel", drv_json_text(boot, "kernel", ""));
    json_with_text(direct, "cmdline", drv_json_text(boot, "cmdline", ""));
    if (drv_json_text(boot, "initrd", NULL))
        json_with_text(direct, "ramdisk", drv_json_text(boot, "initrd", ""));
    boot = json_object_new_array();
    json_object_array_add(boot, json_object_new_string("Direct"));
    json_object_array_add(boot, direct);
    json_object_array_add(type, json_object_new_string("PV"));
    json_object_array_add(type, json_with(json_object_new_object(), "boot", boot));
    return type;
}

static json_object *
vm_record(json_object *brief, const char *id, GError **error)
{
    g_autoptr(json_object) memory = json_object_new_string(DEFAULT_MEMORY);
    g_autoptr(json_object) record = json_object_new_object();
    static const char *const sizes[] = { "memory_static_max",
                                         "memory_dynamic_max",
                                         "memory_dynamic_min" };
    gint64 bytes, vcpus, most;
    json_object *type = guest_type(brief, error);

    if (type == NULL)
        return NULL;
    json_with(record, "ty", type);
    if (drv_json_member(brief, "memory")) {
        json_object_put(memory);
        memory = json_object_get(drv_json_member(brief, "memory"));
    }
    if (!read_size(memory, &bytes, error) ||
        !read_count(brief, "vcpus", 1, &vcpus, error) ||
        !read_count(brief, "max_vcpus", vcpus, &most, error))
        return NULL;
    json_with_text(record, "id", id);
    json_with_text(record, "name", drv_json_text(brief, "name", ""));
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++)
        json_with(record, sizes[i], json_object_new_int64(bytes));
    json_with(record, "vcpus", json_object_new_int64(vcpus));
    json_with(record, "vcpu_max", json_object_new_int64(MAX(most, vcpus)));
    json_with(
        record, "persistent", json_object_new_boolean(json_is_true(brief, "persistent")));
    if (drv_json_member(brief, "platform"))
        json_with(
            record, "platformdata", json_object_get(drv_json_member(brief, "platform")));
    return g_steal_pointer(&record);
}

json_object *
description_complete(json_object *brief, GError **error)
{
    static const char *const known[] = { "id",         "name",     "memory",   "vcpus",
                                         "max_vcpus",  "disks",    "nics",     "boot",
                                         "persistent", "platform", "firmware", NULL };
    g_autofree char *random = g_uuid_string_random();
    g_autoptr(json_object) all = json_object_new_object();
    const char *id = drv_json_text(brief, "id", random);
    json_object *vm;

    if (!check_keys(brief, "the description", known, error))
        return NULL;
    if (*drv_json_text(brief, "name", "") == '\0') {
        (void)drv_throw(error, DRV_ERROR_USAGE, "the description has no 'name'");
        return NULL;
    }
    vm = vm_record(brief, id, error);
    if (vm == NULL)
        return NULL;
    json_with(all, "vm", vm);
    if (!put_devices(
            all, id, "vbds", drv_json_member(brief, "disks"), disk_record, error) ||
        !put_devices(all, id, "vifs", drv_json_member(brief, "nics"), nic_record, error))
        return NULL;
    return g_steal_pointer(&all);
}

/* --- files
 * ------------------------------------------------------------------------------
 */

/* Of an element <memory unit="MiB">, in bytes; libvirt's units, KiB by default. */
static gint64
xml_bytes(DrvXml *xml, const char *path)
{
    static const struct {
        const char *unit;
        gint64 bytes;
    } units[] = {
        { "", 1024 },
        { "b", 1 },
        { "bytes", 1 },
        { "KB", 1000 },
        { "k", 1024 },
        { "KiB", 1024 },
        { "MB", 1000 * 1000 },
        { "M", 1 << 20 },
        { "MiB", 1 << 20 },
        { "GB", 1000000000 },
        { "G", 1 << 30 },
        { "GiB", 1 << 30 },
        { "TB", 1000000000000 },
        { "T", (gint64)1 << 40 },
        { "TiB", (gint64)1 << 40 },
    };
    DrvNode *node = drv_xml_first(xml, NULL, path);
    g_autofree char *text = node ? drv_xml_text(xml, node, ".") : g_strdup("");
    g_autofree char *unit = node ? drv_xml_text(xml, node, "@unit") : g_strdup("");
    guint64 n = 0;

    for (guint i = 0; i < G_N_ELEMENTS(units); i++) {
        if (strcmp(unit, units[i].unit) == 0 &&
            g_ascii_string_to_unsigned(
                text, 10, 0, (guint64)(G_MAXINT64 / units[i].bytes), &n, NULL))
            return (gint64)n * units[i].bytes;
    }
    return 0;
}

static void
put_number(json_object *vm, const char *key, gint64 number)
{
    if (number > 0)
        json_with(vm, key, json_object_new_int64(number));
}

/* For lists, and for what may be set while it runs; libvirt has it from the document. */
static void
put_sizes(json_object *vm, DrvXml *xml)
{
    gint64 most = xml_bytes(xml, "/domain/memory");
    gint64 now = xml_bytes(xml, "/domain/currentMemory");
    g_autofree char *vcpus = drv_xml_text(xml, NULL, "/domain/vcpu");
    g_autofree char *current = drv_xml_text(xml, NULL, "/domain/vcpu/@current");

    put_number(vm, "memory_static_max", most);
    put_number(vm, "memory_dynamic_max", now > 0 ? now : most);
    put_number(vm, "memory_dynamic_min", now > 0 ? now : most);
    put_number(vm, "vcpu_max", g_ascii_strtoll(vcpus, NULL, 10));
    put_number(vm, "vcpus", g_ascii_strtoll(*current ? current : vcpus, NULL, 10));
}

/* The document is kept as it is; the id of the VM is the domain's. */
static json_object *
of_xml(const char *what, const char *text, GError **error)
{
    g_autoptr(DrvXml) xml = drv_xml_parse(what, text, -1, error);
    g_autofree char *uuid = xml ? drv_xml_text(xml, NULL, "/domain/uuid") : NULL;
    g_autofree char *name = xml ? drv_xml_text(xml, NULL, "/domain/name") : NULL;
    g_autofree char *random = g_uuid_string_random();
    json_object *vm;

    if (xml == NULL)
        return NULL;
    if (strcmp(drv_xml_node_name(drv_xml_root(xml)), "domain") != 0 || *name == '\0') {
        (void)drv_throw(
            error, DRV_ERROR_USAGE, "%s is not a libvirt domain with a name", what);
        return NULL;
    }
    vm = json_with_text(json_object_new_object(), "id", *uuid ? uuid : random);
    json_with_text(vm, "uuid", *uuid ? uuid : random);
    json_with_text(vm, "name", name);
    json_with_text(vm, "xml", text);
    put_sizes(vm, xml);
    return json_with(json_object_new_object(), "vm", vm);
}

json_object *
description_read(const char *what, const char *text, GError **error)
{
    const char *why = NULL;
    g_autoptr(json_object) document = NULL;

    while (g_ascii_isspace(*text))
        text++;
    if (*text == '<')
        return of_xml(what, text, error);
    document = agent_json_read(text, strlen(text), DRV_JSON_DEPTH, &why);
    if (document == NULL) {
        (void)drv_throw(error, DRV_ERROR_USAGE, "%s is not valid JSON: %s", what, why);
        return NULL;
    }
    if (drv_json_member(document, "vm"))
        return g_steal_pointer(&document);
    return description_complete(document, error);
}
