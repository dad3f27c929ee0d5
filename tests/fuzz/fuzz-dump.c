/* SPDX-License-Identifier: Apache-2.0 */
/* The dumps that front-ends send.  First byte: the request to fill; the rest: its XML, or
 * that in base64.
 */
#include <stdint.h>

#include "requests.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *argv[] = { "x", "1", "h:/s/1/disk.0", "h:/s/1/disk.0", "1", "1" };
    g_autoptr(DrvDump) dump = NULL;
    g_autoptr(DrvRequest) request = NULL;
    g_autofree char *text = NULL;

    if (size < 1)
        return 0;
    dump = drv_dump_parse((const char *)data + 1, size - 1, NULL);
    if (dump == NULL)
        return 0;
    text = drv_dump_to_text(dump);
    g_assert(g_utf8_validate(text, -1, NULL));
    request = request_new(data[0]);
    if (data[0] & 0x80)
        (void)!drv_request_read_args(request, G_N_ELEMENTS(argv), (char **)argv, NULL);
    if (drv_request_read_dump(request, dump, NULL))
        check_request(request);
    return 0;
}
