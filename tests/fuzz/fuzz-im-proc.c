/* SPDX-License-Identifier: Apache-2.0 */
/* What probes read below /proc and /sys.  The input is the contents of the files below,
 * in their order, each up to a byte of 0xff.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "im/base/im.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const ImProbe im_linux_usage, im_linux_host, im_cpu, im_numa_host, im_numa_usage,
    im_pci;

#define END 0xff
#define NODE "/sys/devices/system/node/node0"
#define CPU NODE "/cpu0/topology"
#define PCI "/sys/bus/pci/devices/0000:00:01.0"
#define NET "/sys/class/net/eth0"

static const char *const files[] = {
    "/proc/stat",
    "/proc/meminfo",
    "/proc/cpuinfo",
    "/proc/7/comm",
    "/proc/7/cmdline",
    "/proc/7/status",
    NODE "/meminfo",
    NODE "/distance",
    NODE "/hugepages/hugepages-2048kB/nr_hugepages",
    NODE "/hugepages/hugepages-2048kB/free_hugepages",
    CPU "/core_id",
    CPU "/thread_siblings_list",
    PCI "/class",
    PCI "/vendor",
    PCI "/device",
    PCI "/numa_node",
    PCI "/sriov_numvfs",
    PCI "/nvidia/creatable_vgpu_types",
    NET "/device/x",
    NET "/statistics/rx_bytes",
    NET "/statistics/tx_bytes",
    "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq",
    "/sys/fs/cgroup/cgroup.controllers",
};

#define MEMORY "/dev/shm"

static char *dir; /* in memory, made once */

static void
remove_root(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = g_path_get_basename(dir);
    g_auto(DrvFd) fd = drv_path_open_dir(MEMORY, &error);

    g_assert_true(fd >= 0 && drv_path_remove_tree(fd, MEMORY, name, &error));
    g_clear_pointer(&dir, g_free);
}

static const char *
root(void)
{
    if (dir)
        return dir;
    dir = g_strdup(MEMORY "/fuzz-im-proc.XXXXXX");
    g_assert_nonnull(g_mkdtemp(dir));
    (void)atexit(remove_root);
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_strconcat(dir, files[i], NULL);
        g_autofree char *parent = g_path_get_dirname(path);

        g_assert_cmpint(g_mkdir_with_parents(parent, 0700), ==, 0);
    }
    return dir;
}

static void
put(const char *name, const uint8_t *data, size_t size)
{
    g_autofree char *path = g_strconcat(root(), name, NULL);
    g_auto(DrvFd) fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    g_assert_cmpint(write(fd, data, size), ==, (gssize)size);
}

static void
put_all(const uint8_t *data, size_t size)
{
    const uint8_t *end = data + size;

    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        const uint8_t *stop = memchr(data, END, (size_t)(end - data));

        stop = stop ? stop : end;
        put(files[i], data, (size_t)(stop - data));
        data = MIN(stop + 1, end);
    }
}

/* Ticks of an earlier look, or the probe would wait for a second one. */
static void
put_samples(void)
{
    gint64 then = g_get_monotonic_time() - G_USEC_PER_SEC;
    g_autofree char *text = g_strdup_printf(
        "%" G_GINT64_FORMAT " 0 cpu.all\n%" G_GINT64_FORMAT " 0 cpu.idle\n", then, then);

    put("/.samples-7", (const uint8_t *)text, strlen(text));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ImProbe *const probes[] = { &im_linux_usage, &im_linux_host, &im_cpu,
                                             &im_numa_host,   &im_numa_usage, &im_pci };
    g_autoptr(ImContext) im = im_context_new("kvm", "7", "host01", NULL, NULL);
    g_autoptr(GHashTable) swapped = NULL;

    put_all(data, size);
    put_samples();
    g_free(im->root);
    im->root = g_strdup(root());
    g_free(im->db);
    im->db = g_strdup(root());
    for (guint i = 0; i < G_N_ELEMENTS(probes); i++) {
        g_autoptr(GString) out = g_string_new(NULL);
        g_autoptr(GError) error = NULL;
        gboolean good = probes[i]->run(im, out, &error);

        g_assert_true(good == (error == NULL));
    }
    swapped = im_swapped(im);
    return 0;
}
