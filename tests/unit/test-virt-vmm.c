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

/* The bus that a deployment file has for such a target. */
static void
test_disk_bus(void)
{
    static const struct {
        const char *os, *live, *target, *wanted;
    } cases[] = {
        { "<SD_DISK_BUS>sata</SD_DISK_BUS>",
          "",
          "sdb",
          "<target dev=\"sdb\" bus=\"sata\"/></disk>" },
        { "<SD_DISK_BUS>scsi</SD_DISK_BUS>",
          "",
          "sdb",
          "<target dev=\"sdb\" bus=\"scsi\"/><address type=\"drive\" controller=\"0\" bus=\"0\" target=\"1\" unit=\"0\"/></disk>" },
        { "",
          "<devices><disk device='cdrom'><target dev='sda' bus='sata'/></disk><disk><target dev='sdb' bus='scsi'/></disk></devices>",
          "sdc",
          "<target dev=\"sdc\" bus=\"scsi\"/><address type=\"drive\" controller=\"0\" bus=\"0\" target=\"2\" unit=\"0\"/></disk>" },
        { "",
          "<devices><disk device='disk'><target dev='sdb' bus='sata'/></disk></devices>",
          "sdc",
          "<target dev=\"sdc\" bus=\"sata\"/></disk>" },
        { "",
          "<os><type machine='pc-q35-7.2'>hvm</type></os>",
          "hda",
          "<target dev=\"hda\" bus=\"sata\"/></disk>" },
        { "",
          "<os><type machine='pc-i440fx-7.2'>hvm</type></os>",
          "hda",
          "<target dev=\"hda\"/></disk>" },
        { "<SD_DISK_BUS>sata</SD_DISK_BUS>", "", "vda", "<target dev=\"vda\"/></disk>" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = g_strdup_printf(
            "<D><VM><TEMPLATE><OS>%s</OS><DISK/></TEMPLATE></VM></D>", cases[i].os);
        g_autofree char *domain = g_strdup_printf("<domain>%s</domain>", cases[i].live);
        g_autoptr(DrvXml) document = parse(text);
        g_autoptr(DrvXml) live = parse(domain);
        g_autoptr(DrvConfig) settings = config();
        KvmDiskFacts facts = { .document = document,
                               .live = live,
                               .config = settings,
                               .path = "/d",
                               .vm_id = "1",
                               .target = cases[i].target };
        g_autofree char *got = NULL;

        facts.disk = drv_xml_first(document, NULL, "VM/TEMPLATE/DISK");
        got = kvm_disk_xml(&facts);
        g_assert_nonnull(strstr(got, cases[i].wanted));
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
    g_test_add_func("/vmm/nic-of-argv", test_argv_nic);
    g_test_add_func("/vmm/mend", test_mend);
    g_test_add_func("/vmm/disk-bus", test_disk_bus);
    return g_test_run();
}
