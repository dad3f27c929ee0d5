/* SPDX-License-Identifier: Apache-2.0 */
/* The probes' reading of /proc, /sys and libvirt's XML, and the grammar they write. */
#include <string.h>

#include "base/action.h"
#include "im/base/im.h"
#include "im/client/client.h"
#include "template.h"

extern const ImProbe im_cpu;
extern const ImProbe im_linux_host;
extern const ImProbe im_linux_usage;
extern const ImProbe im_monitor_ds;
extern const ImProbe im_numa_host;
extern const ImProbe im_numa_usage;
extern const ImProbe im_pci;

/* A context whose machine is a directory. */
typedef struct {
    char *dir;
    ImContext *im;
    GString *out;
    GError *error;
} Fake;

static void
set_up(Fake *fake, gconstpointer data)
{
    (void)data;
    fake->dir = scratch_new();
    fake->im = im_context_new("kvm", "3", "host01", NULL, &fake->error);
    g_assert_no_error(fake->error);
    g_free(fake->im->root);
    g_free(fake->im->db);
    fake->im->root = g_strdup(fake->dir);
    fake->im->db = g_build_filename(fake->dir, "db", NULL);
    fake->im->lasting = TRUE;
    fake->out = g_string_new(NULL);
}

static void
tear_down(Fake *fake, gconstpointer data)
{
    (void)data;
    im_context_free(fake->im);
    g_string_free(fake->out, TRUE);
    scratch_remove(fake->dir);
}

static void
run(Fake *fake, const ImProbe *probe)
{
    GError *error = NULL;

    g_string_truncate(fake->out, 0);
    must(probe->run(fake->im, fake->out, &error));
    g_assert_true(template_is_good(fake->out->str));
}

/* --- the grammar ------------------------------------------------------------------ */

static void
test_oracle(void)
{
    static const char *const good[] = {
        "",
        "A=1\n",
        "A = \"x y\"\nB=\n# comment\nC=[ D=\"e\", F=g ]\n",
        "A=\"\\\"\"\n",
    };
    static const char *const bad[] = {
        "A",
        "A=x y\n",
        "A=\"x\n",
        "A=[ B=\"c\", ]\n",
        "A=[ B=\"c\"\n",
        "A=\"x]]>\"\n",
        "A-B=1\n",
        "A=\"x\\\"\n",
        "A=1,2\n",
    };

    for (guint i = 0; i < G_N_ELEMENTS(good); i++)
        g_assert_true(template_is_good(good[i]));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(template_is_good(bad[i]));
}

static void
test_quote(void)
{
    static const struct {
        const char *value, *text;
    } cases[] = {
        { "plain", "A=\"plain\"\n" },          { "a\"b", "A=\"a\\\"b\"\n" },
        { "end\\", "A=\"end\\ \"\n" },         { "x]]>y", "A=\"x] ]>y\"\n" },
        { "two\nlines", "A=\"two lines\"\n" }, { "]]]>", "A=\"]] ]>\"\n" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) out = g_string_new(NULL);

        im_add(out, "A", cases[i].value);
        g_assert_cmpstr(out->str, ==, cases[i].text);
        g_assert_true(template_is_good(out->str));
    }
}

static void
test_vm_id(void)
{
    g_assert_cmpint(im_vm_id("one-42"), ==, 42);
    g_assert_cmpint(im_vm_id("one-42x"), ==, -1);
    g_assert_cmpint(im_vm_id("one--1"), ==, -1);
    g_assert_cmpint(im_vm_id("one-"), ==, -1);
    g_assert_cmpint(im_vm_id("web"), ==, -1);
}

static void
test_pem(void)
{
    g_autofree char *pem =
        im_repair_pem(" -----BEGIN PUBLIC KEY----- QUJD REVG -----END PUBLIC KEY----- ");

    g_assert_cmpstr(
        pem, ==, "-----BEGIN PUBLIC KEY-----\nQUJDREVG\n-----END PUBLIC KEY-----\n");
    g_assert_null(im_repair_pem(""));
    g_assert_null(im_repair_pem("-----BEGIN PUBLIC KEY-----"));
}

/* --- the host --------------------------------------------------------------------- */

static void
test_host(Fake *fake, gconstpointer data)
{
    (void)data;
    scratch_put(fake->dir,
                "proc/cpuinfo",
                "processor\t: 0\nmodel name\t: Foo \"9\"\ncpu MHz\t: 2596.1\n");
    scratch_put(fake->dir,
                "proc/meminfo",
                "MemTotal:  1000 kB\nMemFree:   100 kB\nBuffers: 20 kB\n"
                "Cached: 30 kB\n");
    scratch_put(
        fake->dir, "proc/stat", "cpu  1 2 3 4\ncpu0 1 2 3 4\ncpu1 1 2 3 4\nintr 0\n");
    scratch_put(fake->dir, "sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
    run(fake, &im_cpu);
    g_assert_cmpstr(fake->out->str, ==, "MODELNAME=\"Foo \\\"9\\\"\"\n");
    run(fake, &im_linux_host);
    g_assert_cmpstr(fake->out->str,
                    ==,
                    "HYPERVISOR=kvm\nTOTALCPU=200\nCPUSPEED=2596\nTOTALMEMORY=1000\n"
                    "CGROUPS_VERSION=2\n");
}

static void
test_usage(Fake *fake, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    (void)data;
    scratch_put(fake->dir,
                "proc/meminfo",
                "MemTotal:  1000 kB\nMemFree:   100 kB\nBuffers: 20 kB\n"
                "Cached: 30 kB\n");
    scratch_put(
        fake->dir, "proc/stat", "cpu  100 0 0 100 0 0 0 0 50 0\ncpu0 1\ncpu1 1\n");
    scratch_put(fake->dir, "sys/class/net/eth0/statistics/rx_bytes", "1000\n");
    scratch_put(fake->dir, "sys/class/net/eth0/statistics/tx_bytes", "2000\n");
    scratch_put(fake->dir, "sys/class/net/eth0/device/uevent", "");
    scratch_put(fake->dir, "sys/class/net/br0/statistics/rx_bytes", "7\n");
    run(fake, &im_linux_usage); /* nothing changes within the moment: nothing is used */
    g_assert_nonnull(strstr(fake->out->str, "FREECPU=200\nUSEDCPU=0\n"));
    scratch_put(
        fake->dir, "proc/stat", "cpu  175 0 0 120 5 0 0 0 99 0\ncpu0 1\ncpu1 1\n");
    must(im_pause(110, &error));
    run(fake, &im_linux_usage);
    g_assert_cmpstr(fake->out->str,
                    ==,
                    "HYPERVISOR=kvm\nUSEDMEMORY=850\nFREEMEMORY=150\nFREECPU=50\n"
                    "USEDCPU=150\nNETRX=1000\nNETTX=2000\n");
}

static void
test_numa(Fake *fake, gconstpointer data)
{
#define NODE "sys/devices/system/node/"
    (void)data;
    scratch_put(fake->dir, NODE "node0/distance", "10 21\n");
    scratch_put(fake->dir, NODE "node2/distance", "21 10\n");
    scratch_put(fake->dir,
                NODE "node0/meminfo",
                "Node 0 MemTotal:  1000 kB\nNode 0 MemFree:  400 kB\n");
    scratch_put(fake->dir,
                NODE "node2/meminfo",
                "Node 2 MemTotal:  2000 kB\nNode 2 MemFree:  500 kB\n");
    scratch_put(fake->dir, NODE "node0/hugepages/hugepages-2048kB/nr_hugepages", "8\n");
    scratch_put(fake->dir, NODE "node0/hugepages/hugepages-2048kB/free_hugepages", "3\n");
    scratch_put(fake->dir, NODE "node0/cpu0/topology/core_id", "0\n");
    scratch_put(fake->dir, NODE "node0/cpu0/topology/thread_siblings_list", "0,4\n");
    scratch_put(fake->dir, NODE "node0/cpu4/topology/core_id", "0\n");
    scratch_put(fake->dir, NODE "node0/cpu4/topology/thread_siblings_list", "0,4\n");
    scratch_put(fake->dir, NODE "node2/cpu10/topology/core_id", "5\n");
    scratch_put(fake->dir, NODE "node2/cpu10/topology/thread_siblings_list", "10-11\n");
    run(fake, &im_numa_host);
    g_assert_cmpstr(
        fake->out->str,
        ==,
        "HUGEPAGE = [ NODE_ID = \"0\", SIZE = \"2048\", PAGES = \"8\" ]\n"
        "CORE = [ NODE_ID = \"0\", ID = \"0\", CPUS = \"0,4\" ]\n"
        "MEMORY_NODE = [ NODE_ID = \"0\", TOTAL = \"1000\", DISTANCE = \"0 2\" ]\n"
        "CORE = [ NODE_ID = \"2\", ID = \"5\", CPUS = \"10,11\" ]\n"
        "MEMORY_NODE = [ NODE_ID = \"2\", TOTAL = \"2000\", DISTANCE = \"2 0\" ]\n");
    run(fake, &im_numa_usage);
    g_assert_cmpstr(
        fake->out->str,
        ==,
        "HUGEPAGE = [ NODE_ID = \"0\", SIZE = \"2048\", FREE = \"3\" ]\n"
        "MEMORY_NODE = [ NODE_ID = \"0\", FREE = \"400\", USED = \"600\" ]\n"
        "MEMORY_NODE = [ NODE_ID = \"2\", FREE = \"500\", USED = \"1500\" ]\n");
}

static void
test_pci(Fake *fake, gconstpointer data)
{
#define GPU "sys/bus/pci/devices/0000:02:00.0/"
#define NIC "sys/bus/pci/devices/0000:03:00.1/"
    (void)data;
    scratch_put(fake->dir, GPU "vendor", "0x10de\n");
    scratch_put(fake->dir, GPU "device", "0x1eb8\n");
    scratch_put(fake->dir, GPU "class", "0x030200\n");
    scratch_put(fake->dir, GPU "numa_node", "-1\n");
    scratch_put(fake->dir, NIC "vendor", "0x8086\n");
    scratch_put(fake->dir, NIC "device", "0x1572\n");
    scratch_put(fake->dir, NIC "class", "0x020000\n");
    scratch_put(
        fake->dir,
        "usr/share/misc/pci.ids",
        "# comment\n10de  NVIDIA\n\t1eb8  TU104GL\n\t\t10de 12a2  sub\n8086  Intel\n"
        "C 03  Display\n\t02  3D controller\n");
    run(fake, &im_pci); /* without pci.conf nothing is given away */
    g_assert_cmpstr(fake->out->str, ==, "");
    scratch_put(fake->dir,
                "etc/im/kvm-probes.d/pci.conf",
                "# what\n:filter:\n  - '0:0'\n  - '10de:*'\n");
    drv_action_set_remotes_dir(fake->dir);
    run(fake, &im_pci);
    g_assert_cmpstr(
        fake->out->str,
        ==,
        "PCI = [ TYPE = \"10de:1eb8:0302\", VENDOR = \"10de\", VENDOR_NAME = \"NVIDIA\", "
        "DEVICE = \"1eb8\", CLASS = \"0302\", CLASS_NAME = \"3D controller\", ADDRESS = "
        "\"0000:02:00:0\", SHORT_ADDRESS = \"02:00.0\", DOMAIN = \"0000\", BUS = \"02\", "
        "SLOT = \"00\", FUNCTION = \"0\", NUMA_NODE = \"-\", SRIOV = \"no\", "
        "DEVICE_NAME = \"TU104GL\" ]\n");
}

/* What stands before the damage counts, and the probe goes on. */
static void
test_pci_damaged(Fake *fake, gconstpointer data)
{
    (void)data;
    drv_action_set_remotes_dir(fake->dir);
    scratch_put(fake->dir, "etc/im/kvm-probes.d/pci.conf", ":filter: '10de:*'\n");
    scratch_put(fake->dir, GPU "vendor", "0x10de\n");
    scratch_put(fake->dir, GPU "device", "0x1eb8\n");
    scratch_put(fake->dir, GPU "class", "0x030200\n");
    run(fake, &im_pci);
    g_assert_nonnull(strstr(fake->out->str, "VENDOR_NAME = \"10de\"")); /* no file */
    g_assert_nonnull(strstr(fake->out->str, "CLASS_NAME = \"0302\""));
    scratch_put(fake->dir, "usr/share/hwdata/pci.ids", "10de  NVIDIA\n\t1e\nx\377\n");
    for (guint i = 0; i < 2; i++) {
        run(fake, &im_pci);
        g_assert_nonnull(strstr(fake->out->str, "VENDOR_NAME = \"NVIDIA\""));
        g_assert_nonnull(strstr(fake->out->str, "DEVICE_NAME = \"1eb8\""));
    }
}

static void
test_replicas(Fake *fake, gconstpointer data)
{
    g_autofree char *mib = g_strnfill(1 << 20, 'x');

    (void)data;
    g_free(fake->im->ds_location);
    fake->im->ds_location = g_build_filename(fake->dir, "ds", NULL);
    scratch_put(fake->dir, "ds/100/.monitor", "ssh\n");
    scratch_put(fake->dir, "ds/1/.monitor", "replica\n");
    scratch_put(fake->dir, "ds/1/one", mib);
    scratch_put(fake->dir, "ds/1/one.md5sum", "0123\n");
    scratch_put(fake->dir, "ds/1/one.snap/0", mib);
    scratch_put(fake->dir, "ds/1/two", mib);
    scratch_put(fake->dir, "ds/2/image", mib);
    run(fake, &im_monitor_ds);
    g_assert_nonnull(strstr(fake->out->str,
                            "DS = [ ID = 1, REPLICA_CACHE = \"YES\", "
                            "REPLICA_CACHE_SIZE = 3, REPLICA_IMAGES = 2, USED_MB = "));
    g_assert_nonnull(strstr(fake->out->str, "DS = [ ID = 100, USED_MB = "));
    g_assert_null(strstr(fake->out->str, "ID = 2"));
}

/* What is told of the device, between its number of a node and its name. */
static char *
functions_of(Fake *fake)
{
    const char *from, *to;

    run(fake, &im_pci);
    from = strstr(fake->out->str, "SRIOV");
    to = from ? strstr(from, ", DEVICE_NAME") : NULL;
    g_assert_nonnull(to);
    return g_strndup(from, (gsize)(to - from));
}

static void
test_vgpu(Fake *fake, gconstpointer data)
{
#define VF "sys/bus/pci/devices/0000:02:00.4/"
    g_autofree char *legacy = NULL;
    g_autofree char *again = NULL;
    g_autofree char *own = NULL;
    g_autofree char *uuid = NULL;

    (void)data;
    drv_action_set_remotes_dir(fake->dir);
    scratch_put(fake->dir, "etc/im/kvm-probes.d/pci.conf", ":filter: '10de:*'\n");
    scratch_put(fake->dir, VF "vendor", "0x10de\n");
    scratch_put(fake->dir, VF "device", "0x2236\n");
    scratch_put(fake->dir, VF "class", "0x030200\n");
    scratch_put(fake->dir, VF "physfn/x", "");
    again = functions_of(fake); /* nothing can be made of it yet */
    g_assert_cmpstr(again, ==, "SRIOV = \"vf\"");
    g_clear_pointer(&again, g_free);

#define TYPES "sys/class/mdev_bus/0000:02:00.4/mdev_supported_types/"
    scratch_put(fake->dir, TYPES "nvidia-558/create", "");
    scratch_put(fake->dir, TYPES "nvidia-559/create", "");
    legacy = functions_of(fake);
    g_assert_true(g_regex_match_simple(
        "^SRIOV = \"vf\", UUID = \"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-"
        "[89ab][0-9a-f]{3}-[0-9a-f]{12}\", PROFILES = \"nvidia-558,nvidia-559\", "
        "MDEV_MODE = \"legacy\"$",
        legacy,
        0,
        0));
    again = functions_of(fake);
    g_assert_cmpstr(again, ==, legacy);

    uuid = g_strndup(strstr(legacy, "UUID"), strlen("UUID = \"\"") + 36);
    scratch_put(fake->dir,
                VF "nvidia/creatable_vgpu_types",
                "ID    : vGPU Name\n558   : NVIDIA A10-1B\n  559 : NVIDIA A10-2B\n");
    own = functions_of(fake);
    g_assert_nonnull(strstr(own, uuid)); /* the host and the place name it */
    g_assert_nonnull(strstr(own, "PROFILES = \"558,559\", MDEV_MODE = \"nvidia\""));
    g_free(fake->im->host_name);
    fake->im->host_name = g_strdup("host02");
    g_free(own);
    own = functions_of(fake);
    g_assert_null(strstr(own, uuid));
}

static void
test_swap(Fake *fake, gconstpointer data)
{
    static const char args[] = "/usr/bin/qemu\0-uuid\0abc\0-m\0";
    GError *error = NULL;

    (void)data;
    scratch_put(fake->dir, "proc/meminfo", "SwapTotal: 1000 kB\nSwapFree: 10 kB\n");
    scratch_put(fake->dir, "proc/17/comm", "qemu-system-x86\n");
    scratch_put(fake->dir, "proc/17/status", "Name:\tqemu\nVmSwap:\t   123 kB\n");
    scratch_put(fake->dir, "proc/17/cmdline", "");
    {
        g_autofree char *file = g_build_filename(fake->dir, "proc/17/cmdline", NULL);
        g_autoptr(GHashTable) swapped = NULL;

        must(g_file_set_contents(file, args, sizeof args - 1, &error));
        swapped = im_swapped(fake->im);
        g_assert_cmpuint(g_hash_table_size(swapped), ==, 1);
        g_assert_cmpuint(*(guint64 *)g_hash_table_lookup(swapped, "abc"), ==, 123);
    }
}

/* --- libvirt's XML ------------------------------------------------------------------ */

static char *
sample(const char *name)
{
    g_autofree char *file = g_build_filename("tests/data/im", name, NULL);
    GError *error = NULL;
    char *text = NULL;

    must(g_file_get_contents(file, &text, NULL, &error));
    return text;
}

static void
test_capabilities(void)
{
    g_autofree char *host = sample("capabilities.xml");
    g_autofree char *guests = sample("domcapabilities.xml");
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    must(im_parse_machines(host, out, &error));
    must(im_parse_models(guests, out, &error));
    must(im_parse_encryption(guests, out, &error));
    must(im_parse_features("<cpu><feature policy='require' name='a'/><feature name='b' "
                           "policy='disable'/><feature policy='require' name='c'/></cpu>",
                           out,
                           &error));
    g_assert_cmpstr(out->str,
                    ==,
                    "KVM_MACHINES=\"pc-i440fx-7.2 pc pc-q35-7.2 q35\"\n"
                    "KVM_CPU_MODELS=\"qemu64 EPYC\"\nKVM_CPU_MODEL=\"EPYC-Rome\"\n"
                    "MEMORY_ENCRYPTION=SEV-ES\nKVM_CPU_FEATURES=\"a,c\"\n");
    g_assert_true(template_is_good(out->str));
    g_assert_false(im_parse_machines("<capa", out, &error));
    g_assert_error(error, DRV_ERROR, (int)DRV_ERROR_DUMP);
}

static void
test_import(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = im_import_template(
        "<domain><name>we\"b</name><uuid>u-1</uuid><memory unit='KiB'>524288</memory>"
        "<vcpu>2</vcpu><os><type arch='x86_64'>hvm</type></os><features><acpi/></features>"
        "<devices/><devices><graphics type='vnc' port='5900' listen='0.0.0.0'/></devices>"
        "</domain>",
        &error);

    g_assert_no_error(error);
    g_assert_cmpstr(text,
                    ==,
                    "NAME=\"we\\\"b\"\nCPU=2\nVCPU=2\nMEMORY=512\nHYPERVISOR=\"kvm\"\n"
                    "DEPLOY_ID=\"u-1\"\nOS = [ ARCH=\"x86_64\" ]\n"
                    "FEATURES = [ ACPI=\"yes\", APIC=\"no\", PAE=\"no\" ]\n"
                    "GRAPHICS = [ TYPE=\"vnc\", LISTEN=\"0.0.0.0\", PORT=\"5900\" ]\n");
    g_assert_true(template_is_good(text));
}

static void
test_back_off(void)
{
    static const guint want[] = { 1, 1, 1, 2, 4, 8, 8, 16, 32, 64, 64 };

    for (guint i = 0; i < G_N_ELEMENTS(want); i++)
        g_assert_cmpuint(im_back_off(i + 1), ==, want[i]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    im_init(argc, argv);
    g_test_add_func("/im/oracle", test_oracle);
    g_test_add_func("/im/quote", test_quote);
    g_test_add_func("/im/vm-id", test_vm_id);
    g_test_add_func("/im/pem", test_pem);
    g_test_add("/im/host", Fake, NULL, set_up, test_host, tear_down);
    g_test_add("/im/usage", Fake, NULL, set_up, test_usage, tear_down);
    g_test_add("/im/numa", Fake, NULL, set_up, test_numa, tear_down);
    g_test_add("/im/pci", Fake, NULL, set_up, test_pci, tear_down);
    g_test_add("/im/pci-damaged", Fake, NULL, set_up, test_pci_damaged, tear_down);
    g_test_add("/im/replicas", Fake, NULL, set_up, test_replicas, tear_down);
    g_test_add("/im/vgpu", Fake, NULL, set_up, test_vgpu, tear_down);
    g_test_add("/im/swap", Fake, NULL, set_up, test_swap, tear_down);
    g_test_add_func("/im/capabilities", test_capabilities);
    g_test_add_func("/im/import", test_import);
    g_test_add_func("/im/back-off", test_back_off);
    return g_test_run();
}
