/* SPDX-License-Identifier: Apache-2.0 */
/* Compressed streams, and archives into a folder that is emptied again. */
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "source/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
remove_one(const char *path,
           const struct stat *st G_GNUC_UNUSED,
           int type G_GNUC_UNUSED,
           struct FTW *where G_GNUC_UNUSED)
{
    return remove(path);
}

static void
unpack_archive(const uint8_t *data, size_t size)
{
    const DrvUnpackLimits limits = { .max_bytes = 65536, .max_entries = 20 };
    char folder[] = "/tmp/drv-fuzz-XXXXXX";
    g_auto(DrvFd) fd = memfd_create("archive", MFD_CLOEXEC);
    g_auto(DrvFd) dir = -1;
    DrvArchiveKind kind;

    g_assert(g_mkdtemp(folder));
    dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)!pwrite(fd, data, size, 0);
    (void)!drv_unpack_is_archive(fd, &kind, NULL);
    (void)!drv_unpack_archive(fd, dir, &limits, "x", NULL);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t buffer[65536];
    g_autoptr(DrvSource) source = NULL;

    if (size > 0 && data[0] == 'A') {
        unpack_archive(data + 1, size - 1);
        return 0;
    }
    source = drv_source_new_unpacked(drv_source_new_memory(data, size, "x"), NULL, NULL);
    if (source)
        source = drv_source_new_limited(g_steal_pointer(&source), 1 << 22, "fuzzing");
    while (source && drv_source_read(source, buffer, sizeof buffer, NULL) > 0)
        ;
    return 0;
}
