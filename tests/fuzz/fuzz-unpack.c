/* SPDX-License-Identifier: Apache-2.0 */
/* Compressed streams, and what is an archive. */
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "source/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
look_for_archive(const uint8_t *data, size_t size)
{
    g_auto(DrvFd) fd = memfd_create("archive", MFD_CLOEXEC);
    DrvArchiveKind kind;

    (void)!pwrite(fd, data, size, 0);
    (void)!drv_unpack_is_archive(fd, &kind, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t buffer[65536];
    g_autoptr(DrvSource) source = NULL;

    if (size > 0 && data[0] == 'A') {
        look_for_archive(data + 1, size - 1);
        return 0;
    }
    source = drv_source_new_unpacked(drv_source_new_memory(data, size, "x"), NULL, NULL);
    if (source)
        source = drv_source_new_limited(g_steal_pointer(&source), 1 << 22, "fuzzing");
    while (source && drv_source_read(source, buffer, sizeof buffer, NULL) > 0)
        ;
    return 0;
}
