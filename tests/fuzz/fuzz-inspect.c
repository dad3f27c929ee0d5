/* SPDX-License-Identifier: Apache-2.0 */
/* Image headers.  Even first byte: the rest is the file.  Odd: the rest are pieces of
 * one, each a place (4 bytes, in units of 512), a size (2 bytes) and its bytes, so that
 * formats with far-off tables fit into small inputs.
 */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "image/inspect.h"
#include "source/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
inspect_file(int fd)
{
    g_auto(DrvImageInfo) info = { 0 };

    if (drv_inspect_fd(fd, "x", &info, NULL) && drv_inspect_admit(&info, "x", NULL))
        g_assert(info.backing_file == NULL && !info.has_data_file);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_auto(DrvFd) fd = memfd_create("image", MFD_CLOEXEC);
    g_auto(DrvImageInfo) info = { 0 };
    size_t at = 1;

    if (size > 1 && data[0] % 2 == 0) {
        (void)!pwrite(fd, data + 1, size - 1, 0);
        (void)!drv_inspect_memory(
            data + 1, size - 1, DRV_SOURCE_SIZE_UNKNOWN, "x", &info, NULL);
    }
    while (size > 1 && data[0] % 2 == 1 && at + 6 < size) {
        uint32_t place;
        uint16_t n;

        memcpy(&place, data + at, 4);
        memcpy(&n, data + at + 4, 2);
        at += 6;
        (void)!pwrite(fd, data + at, MIN(n, size - at), (off_t)(place % 65536) * 512);
        at += MIN(n, size - at);
    }
    inspect_file(fd);
    return 0;
}
