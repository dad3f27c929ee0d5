/* SPDX-License-Identifier: Apache-2.0 */
/* Devices as libvirt gets them, and domains as deploy edits them, compared with golden
 * XML: tests/data/vmm/<kind>/<case>.xml and .golden.  DRV_GOLDEN=write makes them again.
 */
#include <glib/gstdio.h>
#include <string.h>

#include "base/action.h"
#include "base/cancel.h"
#include "base/error.h"
#include "vmm/kvm/devices/disk-xml.h"
#include "vmm/kvm/devices/nic-xml.h"
#include "vmm/kvm/domain/checkpoint.h"
#include "vmm/kvm/domain/deploy-xml.h"
#include "vmm/ops/repair.h"

#define DATA "tests/data/vmm"

static const char kvmrc[] = "DEFAULT_ATTACH_CACHE=none\n"
                            "DEFAULT_ATTACH_DISCARD=unmap\n"
                            "DEFAULT_ATTACH_NIC_MODEL=virtio\n"
                            "DEFAULT_ATTACH_VIRTIO_BLK_IOTHREAD=9\n";

static void
assert_golden(const char *file, const char *got)
{
    g_autofree char *base = g_strndup(file, strlen(file) - strlen(".xml"));
    g_autofree char *golden = g_strconcat(base, ".golden", NULL);
    g_autofree char *line = g_strconcat(got, "\n", NULL);
    g_autofree char *want = NULL;
    g_autoptr(GError) error = NULL;

    if (g_strcmp0(g_getenv("DRV_GOLDEN"), "write") == 0)
        g_file_set_contents(golden, line, -1, &error);
    g_assert_no_error(error);
    g_file_get_contents(golden, &want, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(line, ==, want);
}

static char *
read_file(const char *file)
{
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_file_get_contents(file, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

static DrvXml *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    DrvXml *xml = drv_xml_parse("a test", text, -1, &error);

    g_assert_no_error(error);
    return xml;
}

static DrvConfig *
config(void)
{
    g_autoptr(GError) error = NULL;
    DrvConfig *parsed = drv_config_parse("kvmrc", kvmrc, &error);

    g_assert_no_error(error);
    return parsed;
}

static void
test_disk(gconstpointer file)
{
    g_autofree char *text = read_file(file);
    g_autofree char *name = g_path_get_basename(file);
    g_autofree char *target = g_strndup(name, strcspn(name, "."));
    g_autoptr(DrvXml) document = parse(text);
    g_autoptr(DrvConfig) settings = config();
    KvmDiskFacts facts = { .document = document, .config = settings, .iothreads = 2 };
    g_autofree char *got = NULL;

    facts.disk = drv_xml_first(document, NULL, "VM/TEMPLATE/DISK[ATTACH='YES']");
    facts.path = "/var/lib/one//datastores/0/42/disk.3";
    facts.target = target;
    facts.vm_id = "42";
    got = kvm_disk_xml(&facts);
    assert_golden(file, got);
}

static void
test_nic(gconstpointer file)
{
    g_autofree char *text = read_file(file);
    g_autoptr(DrvXml) document = parse(text);
    g_autoptr(DrvXml) live = parse(
        "<domain><devices><controller type='pci' index='1' model='pci-bridge'><alias name='pci.1'/>"
        "</controller></devices></domain>");
    g_autoptr(DrvConfig) settings = config();
    g_autoptr(DrvRequest) request = drv_request_new(&vmm_attach_nic);
    KvmNicFacts facts = { .document = document,
                          .live = live,
                          .config = settings,
                          .request = (VmmNic *)request };
    g_autoptr(GError) error = NULL;
    g_autofree char *got = NULL;

    kvm_nic_find(&facts);
    got = facts.is_pci ? kvm_pci_xml(&facts, &error) : kvm_nic_xml(&facts, &error);
    g_assert_no_error(error);
    assert_golden(file, got);
}

/* The domain, mended, as libvirt gets it after it moved to datastore 7. */
static void
test_deploy(gconstpointer file)
{
    g_autofree char *text = read_file(file);
    g_autofree char *mended = vmm_repair_domain(text);
    g_autoptr(DrvXml) domain = parse(mended);
    g_autofree char *vm = drv_xml_text(domain, NULL, "/domain/name");
    g_autofree char *checkpoint =
        g_strdup_printf("/var/lib/one//datastores/7/%s/checkpoint", vm + 4);
    g_autofree char *got = NULL;

    kvm_resolve_links(domain);
    kvm_checkpoint_move_paths(domain, checkpoint);
    got = drv_xml_to_text(domain);
    assert_golden(file, got);
}

static void
test_argv_nic(void)
{
    g_autoptr(DrvXml) document = parse("<VMM_DRIVER_ACTION_DATA/>");
    g_autoptr(DrvXml) live =
        parse("<domain><devices><interface><mac address='02:00:0A:00:00:01'/>"
              "</interface></devices></domain>");
    g_autoptr(DrvConfig) settings = config();
    VmmNic *request = drv_request_new(&vmm_attach_nic);
    char *argv[] = { (char *)"attach_nic",
                     (char *)"one-1",
                     (char *)"02:00:0a:00:00:01",
                     (char *)"br0",
                     (char *)"-",
                     (char *)"ovswitch",
                     (char *)"one-1-0",
                     NULL };
    KvmNicFacts facts = {
        .document = document, .live = live, .config = settings, .request = request
    };
    g_autoptr(GError) error = NULL;
    g_autofree char *xml = NULL;

    g_assert_true(drv_request_read_args(request, 7, argv, &error));
    kvm_nic_find(&facts);
    xml = kvm_nic_xml(&facts, &error);
    g_assert_cmpstr(xml,
                    ==,
                    "<interface type=\"bridge\"><source bridge=\"br0\"/><virtualport "
                    "type=\"openvswitch\"/><mac address=\"02:00:0a:00:00:01\"/><target "
                    "dev=\"one-1-0\"/><model type=\"virtio\"/></interface>");
    g_assert_nonnull(kvm_nic_in_domain(live, &facts));
    drv_request_free(request);
}

#define Q35 "<os><type machine='pc-q35-7.2'>hvm</type></os>"
#define I440 "<os><type machine='pc-i440fx-7.2'>hvm</type></os>"
#define SATA "<SD_DISK_BUS>sata</SD_DISK_BUS>"
#define SCSI "<SD_DISK_BUS>scsi</SD_DISK_BUS>"
#define DRIVE(n) "drive 0:0:" n ":0"

/* What a disk is in the deployment file (virtual machine protocol, section 4), and so
 * when it is plugged in: bus and address, NULL where libvirt has the same by the target's
 * name.
 */
typedef struct {
    const char *os, *live, *type, *target;
    const char *bus, *address;
    gboolean refused; /* QEMU plugs nothing in on that bus */
} Plug;

static const Plug plugs[] = {
    { "", Q35, "FILE", "vda", NULL, NULL, FALSE },
    { SATA, Q35, "FILE", "vdb", NULL, NULL, FALSE },
    { SATA, I440, "RBD", "vdaa", NULL, NULL, FALSE },
    { SCSI, Q35, "FILE", "sda", "scsi", DRIVE("0"), FALSE },
    { SCSI, I440, "BLOCK", "sdb", "scsi", DRIVE("1"), FALSE },
    { SCSI, I440, "RBD", "sdz", "scsi", DRIVE("25"), FALSE },
    { SCSI, I440, "ISCSI", "sdaa", "scsi", DRIVE("26"), FALSE },
    { SCSI, I440, "swap", "sdiv", "scsi", DRIVE("255"), FALSE },
    { SCSI, I440, "FILE", "sdiw", "scsi", NULL, FALSE },
    { SATA, Q35, "FILE", "sdb", "sata", NULL, TRUE },
    { SATA, I440, "FILE", "sdb", "sata", NULL, TRUE },
    { SATA, I440, "GLUSTER", "sdc", "sata", NULL, TRUE },
    /* Nobody says: as the disks that the VM was started with. */
    { "", Q35, "FILE", "sdb", NULL, DRIVE("1"), FALSE },
    { "<SD_DISK_BUS></SD_DISK_BUS>", Q35, "FILE", "sdb", NULL, DRIVE("1"), FALSE },
    { "",
      Q35
      "<devices><disk device='cdrom'><target dev='sda' bus='sata'/></disk><disk><target "
      "dev='sdb' bus='scsi'/></disk></devices>",
      "FILE",
      "sdc",
      "scsi",
      DRIVE("2"),
      FALSE },
    { "",
      Q35 "<devices><disk device='disk'><target dev='sdb' bus='sata'/></disk></devices>",
      "FILE",
      "sdc",
      "sata",
      NULL,
      TRUE },
    { "",
      Q35 "<devices><disk device='cdrom'><target dev='sda' bus='sata'/></disk></devices>",
      "FILE",
      "sdc",
      NULL,
      DRIVE("2"),
      FALSE },
    /* CDs: the deployment file has SATA or IDE, whatever the VM's disks have. */
    { "", Q35, "CDROM", "sdb", "scsi", DRIVE("1"), FALSE },
    { SATA, Q35, "CDROM", "sdb", "scsi", DRIVE("1"), FALSE },
    { SATA, I440, "RBD_CDROM", "sdc", "scsi", DRIVE("2"), FALSE },
    { "", Q35, "CDROM", "hda", "sata", NULL, TRUE },
    { "", I440, "CDROM", "hdc", "ide", NULL, TRUE },
    { "", Q35, "FILE", "hda", "sata", NULL, TRUE },
    { "",
      "<os><type machine='virt-7.2'>hvm</type></os>",
      "FILE",
      "hda",
      "sata",
      NULL,
      TRUE },
    { "", I440, "BLOCK", "hdb", "ide", NULL, TRUE },
    { "", "", "FILE", "hdb", "ide", NULL, TRUE },
};

static char *
address_of(DrvXml *device)
{
    g_autofree char *type = drv_xml_get(device, NULL, "address/@type");
    g_autofree char *controller = drv_xml_get(device, NULL, "address/@controller");
    g_autofree char *bus = drv_xml_get(device, NULL, "address/@bus");
    g_autofree char *target = drv_xml_get(device, NULL, "address/@target");
    g_autofree char *unit = drv_xml_get(device, NULL, "address/@unit");

    return type ? g_strdup_printf("%s %s:%s:%s:%s", type, controller, bus, target, unit)
                : NULL;
}

static void
test_plug(gconstpointer data)
{
    const Plug *plug = data;
    g_autofree char *text =
        g_strdup_printf("<D><VM><TEMPLATE><OS>%s</OS><DISK><TYPE>%s</TYPE></DISK>"
                        "</TEMPLATE></VM></D>",
                        plug->os,
                        plug->type);
    g_autofree char *domain = g_strdup_printf("<domain>%s</domain>", plug->live);
    g_autoptr(DrvXml) document = parse(text);
    g_autoptr(DrvXml) live = parse(domain);
    g_autoptr(DrvConfig) settings = config();
    KvmDiskFacts facts = { .document = document,
                           .live = live,
                           .config = settings,
                           .path = "/d",
                           .vm_id = "1",
                           .target = plug->target };
    g_autoptr(GError) error = NULL;
    g_autofree char *got = NULL, *bus = NULL, *address = NULL, *target = NULL;
    g_autoptr(DrvXml) device = NULL;

    facts.disk = drv_xml_first(document, NULL, "VM/TEMPLATE/DISK");
    got = kvm_disk_xml(&facts);
    device = parse(got);
    target = drv_xml_get(device, NULL, "target/@dev");
    bus = drv_xml_get(device, NULL, "target/@bus");
    address = address_of(device);
    g_assert_cmpstr(target, ==, plug->target);
    g_assert_cmpstr(bus, ==, plug->bus);
    g_assert_cmpstr(address, ==, plug->address);
    g_assert_cmpint(kvm_disk_can_plug(&facts, &error), ==, !plug->refused);
    if (plug->refused)
        g_assert_true(drv_error_is(error, DRV_ERROR_UNSUPPORTED));
}

/* Queues and threads, for who has them: DISK, then FEATURES, then kvmrc. */
typedef struct {
    const char *disk, *features, *kvmrc, *target;
    guint iothreads; /* the running domain has */
    const char *queues, *iothread;
} Threads;

static const Threads threads[] = {
    { "", "", "", "vda", 0, NULL, NULL },
    { "<DISK_ID>0</DISK_ID>", "", "", "vda", 2, NULL, "1" },
    { "<DISK_ID>5</DISK_ID>", "", "", "vdf", 2, NULL, "2" },
    { "<DISK_ID>5</DISK_ID><IOTHREAD>1</IOTHREAD>", "", "", "vdf", 2, NULL, "1" },
    { "<IOTHREAD>7</IOTHREAD>", "", "", "vdf", 2, NULL, "2" },
    { "<IOTHREAD>1</IOTHREAD>", "", "", "vdf", 0, NULL, NULL },
    { "<IOTHREAD>1</IOTHREAD>", "", "", "sda", 2, NULL, NULL },
    { "", "", "DEFAULT_ATTACH_VIRTIO_BLK_IOTHREAD=2", "vda", 4, NULL, "2" },
    { "<IOTHREAD>3</IOTHREAD>",
      "",
      "DEFAULT_ATTACH_VIRTIO_BLK_IOTHREAD=2",
      "vda",
      4,
      NULL,
      "3" },
    { "<VIRTIO_BLK_QUEUES>4</VIRTIO_BLK_QUEUES>", "8", "", "vda", 0, "4", NULL },
    { "<VIRTIO_BLK_QUEUES>auto</VIRTIO_BLK_QUEUES>", "8", "", "vda", 0, "6", NULL },
    { "", "8", "DEFAULT_ATTACH_VIRTIO_BLK_QUEUES=2", "vda", 0, "8", NULL },
    { "", "Auto", "", "vda", 0, "6", NULL },
    { "", "", "DEFAULT_ATTACH_VIRTIO_BLK_QUEUES=auto", "vda", 0, "6", NULL },
    { "", "8", "DEFAULT_ATTACH_VIRTIO_BLK_QUEUES=2", "sdb", 0, NULL, NULL },
};

static void
test_threads(gconstpointer data)
{
    const Threads *row = data;
    g_autofree char *text = g_strdup_printf(
        "<D><VM><TEMPLATE><VCPU>6</VCPU><FEATURES><VIRTIO_BLK_QUEUES>%s</VIRTIO_BLK_QUEUES>"
        "</FEATURES><DISK>%s</DISK></TEMPLATE></VM></D>",
        row->features,
        row->disk);
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvXml) document = parse(text);
    g_autoptr(DrvXml) live = parse("<domain/>");
    g_autoptr(DrvConfig) settings = drv_config_parse("kvmrc", row->kvmrc, &error);
    KvmDiskFacts facts = { .document = document,
                           .live = live,
                           .config = settings,
                           .path = "/d",
                           .vm_id = "1",
                           .target = row->target,
                           .iothreads = row->iothreads };
    g_autofree char *got = NULL, *queues = NULL, *iothread = NULL;
    g_autoptr(DrvXml) device = NULL;

    g_assert_no_error(error);
    facts.disk = drv_xml_first(document, NULL, "VM/TEMPLATE/DISK");
    got = kvm_disk_xml(&facts);
    device = parse(got);
    queues = drv_xml_get(device, NULL, "driver/@queues");
    iothread = drv_xml_get(device, NULL, "driver/@iothread");
    g_assert_cmpstr(queues, ==, row->queues);
    g_assert_cmpstr(iothread, ==, row->iothread);
}

/* Each disk that a recorded VM was started with, as if it were plugged in now: the same
 * as its front-end wrote into the deployment file beside, whose settings config() has.
 */
static void
assert_as_cold(DrvXml *document, DrvXml *cold, DrvNode *disk)
{
    static const char *const same[] = {
        "@type",           "@device",      "source/@file",   "source/@dev",
        "target/@dev",     "driver/@name", "driver/@type",   "driver/@cache",
        "driver/@discard", "driver/@io",   "driver/@queues", "driver/@iothread",
        "address/@target", "iotune/*",     "boot/@order",
    };
    g_autofree char *target = drv_xml_text(document, disk, "TARGET");
    g_autofree char *directory =
        drv_xml_text(cold, NULL, "/domain/metadata//*[local-name()='system_datastore']");
    g_autofree char *id = drv_xml_text(document, disk, "DISK_ID");
    g_autofree char *path = g_strdup_printf("%s/disk.%s", directory, id);
    g_autofree char *vm_id = drv_xml_text(document, NULL, "VM/ID");
    g_autoptr(DrvConfig) settings = config();
    KvmDiskFacts facts = { .document = document,
                           .disk = disk,
                           .live = cold,
                           .config = settings,
                           .path = path,
                           .vm_id = vm_id,
                           .target = target };
    g_autofree char *got = kvm_disk_xml(&facts);
    g_autoptr(DrvXml) hot = parse(got);
    DrvNode *there;

    drv_xml_variable(cold, "target", target);
    there = drv_xml_first(cold, NULL, "/domain/devices/disk[target/@dev=$target]");
    g_assert_nonnull(there);
    for (guint i = 0; i < G_N_ELEMENTS(same); i++) {
        g_autofree char *a = drv_xml_get(hot, NULL, same[i]);
        g_autofree char *b = drv_xml_get(cold, there, same[i]);

        g_assert_cmpstr(a, ==, b);
    }
}

static void
test_cold(gconstpointer file)
{
    g_autofree char *text = read_file(file);
    g_autofree char *base = g_strndup(file, strlen(file) - strlen(".xml"));
    g_autofree char *deployment = g_strconcat(base, ".deployment", NULL);
    g_autofree char *domain = read_file(deployment);
    g_autoptr(DrvXml) document = parse(text);
    g_autoptr(DrvXml) cold = parse(domain);
    g_autoptr(GPtrArray) disks =
        drv_xml_all(document, NULL, "VM/TEMPLATE/DISK[not(ATTACH='YES')]");

    g_assert_cmpuint(disks->len, >=, 6);
    for (guint i = 0; i < disks->len; i++)
        assert_as_cold(document, cold, g_ptr_array_index(disks, i));
}

static void
add_rows(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(plugs); i++) {
        g_autofree char *path =
            g_strdup_printf("/vmm/plug/%u-%s-%s", i, plugs[i].type, plugs[i].target);

        g_test_add_data_func(path, &plugs[i], test_plug);
    }
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
        g_autofree char *path =
            g_strdup_printf("/vmm/threads/%u-%s", i, threads[i].target);

        g_test_add_data_func(path, &threads[i], test_threads);
    }
}

/* Places in the guest, "domain:bus:slot.function", and whether it can have them. */
#define BRIDGE "<controller type='pci' index='1' model='pci-bridge'/>"
#define ROOT_PORT "<controller type='pci' index='3' model='pcie-root-port'/>"

static const struct {
    const char *controllers, *place;
    gboolean kept;
} places[] = {
    { BRIDGE, "0000:01:05.0", TRUE },
    { BRIDGE, "0000:01:1f.7", TRUE },
    { BRIDGE, "0000:01:00.0", FALSE },
    { BRIDGE, "0000:01:20.0", FALSE },
    { BRIDGE, "0000:01:05.8", FALSE },
    { BRIDGE, "0000:02:05.0", FALSE },
    { BRIDGE, "0001:01:05.0", FALSE },
    { BRIDGE "<sound><address type='pci' "
             "domain='0x0000' bus='0x01' slot='0x05' function='0x0'/></sound>",
      "0000:01:05.0",
      FALSE },
    { ROOT_PORT, "0000:03:00.0", TRUE },
    { ROOT_PORT, "0000:03:01.0", FALSE },
    { "<controller type='usb' index='1' model='piix3-uhci'/>", "0000:01:05.0", FALSE },
    { "", "0000:01:05.0", FALSE },
    { "<controller type='pci' index='0' model='pci-root'/>", "0000:00:05.0", FALSE },
};

/* A place that the guest cannot have is left out, and libvirt finds one. */
static void
test_pci_place(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
        g_auto(GStrv) at = g_strsplit_set(places[i].place, ":.", -1);
        g_autofree char *text = g_strdup_printf(
            "<D><VM><TEMPLATE><PCI><ATTACH>YES</ATTACH><DOMAIN>0000</DOMAIN><BUS>0a</BUS>"
            "<SLOT>00</SLOT><FUNCTION>0</FUNCTION><VM_DOMAIN>%s</VM_DOMAIN><VM_BUS>%s</VM_BUS>"
            "<VM_SLOT>%s</VM_SLOT><VM_FUNCTION>%s</VM_FUNCTION></PCI></TEMPLATE></VM></D>",
            at[0],
            at[1],
            at[2],
            at[3]);
        g_autofree char *domain = g_strdup_printf(
            "<domain><devices>%s</devices></domain>", places[i].controllers);
        g_autoptr(DrvXml) document = parse(text);
        g_autoptr(DrvXml) live = parse(domain);
        g_autoptr(DrvConfig) settings = config();
        g_autoptr(DrvRequest) request = drv_request_new(&vmm_attach_nic);
        KvmNicFacts facts = { .document = document,
                              .live = live,
                              .config = settings,
                              .request = (VmmNic *)request };
        g_autoptr(GError) error = NULL;
        g_autofree char *got = NULL;

        kvm_nic_find(&facts);
        g_assert_true(facts.is_pci);
        got = kvm_pci_xml(&facts, &error);
        g_assert_no_error(error);
        g_test_message("%s on %s", places[i].place, places[i].controllers);
        g_assert_cmpint(strstr(got, "<address type=\"pci\"") != NULL, ==, places[i].kept);
    }
}

static void
test_mend(void)
{
    static const char *const cases[][2] = {
        { "<d><title>a & <b></title></d>", "<d><title>a &amp; &lt;b></title></d>" },
        { "<d><title>a &amp; b</title></d>", "<d><title>a &amp; b</title></d>" },
        { "<d><title><![CDATA[a & <b>]]></title></d>",
          "<d><title><![CDATA[a & <b>]]></title></d>" },
        { "<d x='a&b&#38;&lt;'><![CDATA[&]]>&</d>",
          "<d x='a&amp;b&#38;&lt;'><![CDATA[&]]>&amp;</d>" },
        { "<d><title>R&D; a&nbsp;b &#0; &#x1f;&#xd800;&#65;&#x110000;</title></d>",
          "<d><title>R&amp;D; a&amp;nbsp;b &amp;#0; "
          "&amp;#x1f;&amp;#xd800;&#65;&amp;#x110000;</title></d>" },
        { "<d><title>x]]>y\1</title></d>", "<d><title>x]]&gt;y?</title></d>" },
        { "<d>\n<title>a</title><devices/><title>b</title>\n<x/></d>",
          "<d>\n<title>a&lt;/title>&lt;devices/>&lt;title>b</title>\n<x/></d>" },
        { "<d><serial>1 < 2 <3 ]]> &</serial></d>",
          "<d><serial>1 &lt; 2 &lt;3 ]]&gt; &amp;</serial></d>" },
        { "<d x='a<b> it's' y=\"a\"b' \"/>",
          "<d x='a&lt;b> it&apos;s' y=\"a&quot;b' \"/>" },
        { "<?xml version='1.0'?><d><!-- it's & <b --></d>",
          "<?xml version='1.0'?><d><!-- it's & <b --></d>" },
        { "<d><title>a", "<d><title>a" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *got = vmm_repair_domain(cases[i][0]);

        g_assert_cmpstr(got, ==, cases[i][1]);
        g_free(got);
        got = vmm_repair_domain(cases[i][1]);
        g_assert_cmpstr(got, ==, cases[i][1]); /* what is right stays as it is */
    }
}

static void
add_cases(const char *kind, GTestDataFunc test)
{
    g_autofree char *directory = g_build_filename(DATA, kind, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(directory, 0, &error);
    const char *name;

    g_assert_no_error(error);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_strdup_printf("/vmm/%s/%s", kind, name);

        if (g_str_has_suffix(name, ".xml"))
            g_test_add_data_func_full(
                path, g_build_filename(directory, name, NULL), test, g_free);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    drv_action_init(argc, argv);
    add_cases("disk", test_disk);
    add_cases("nic", test_nic);
    add_cases("deploy", test_deploy);
    add_cases("cold", test_cold);
    g_test_add_func("/vmm/nic-of-argv", test_argv_nic);
    g_test_add_func("/vmm/mend", test_mend);
    g_test_add_func("/vmm/pci-place", test_pci_place);
    add_rows();
    return g_test_run();
}
