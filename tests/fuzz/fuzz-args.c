/* SPDX-License-Identifier: Apache-2.0 */
/* Words of a command line.  First byte: the request to fill; the rest: the words, each
 * ended by a line break or NUL.
 */
#include <stdint.h>

#include "requests.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_WORDS 32

/* "DUMP ID", but never one of those that read stdin. */
static void
read_action(int argc, char **argv)
{
    g_autoptr(DrvDump) dump = NULL;
    const char *id = NULL;

    if (argc == 2 || (argc > 2 && strcmp(argv[1], "-") == 0))
        return;
    dump = drv_dump_read_action(argc, argv, &id, NULL);
    g_assert(dump == NULL || (id == argv[2] && !drv_dump_came_from_stdin(dump)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup("", size);
    g_autoptr(DrvRequest) request = NULL;
    char *argv[MAX_WORDS + 1] = { (char *)"program" };
    int argc = 1;

    if (size < 2)
        return 0;
    memcpy(text, data + 1, size - 1);
    for (size_t at = 0; at < size - 1 && argc < MAX_WORDS; at += strlen(text + at) + 1) {
        argv[argc++] = text + at;
        text[at + strcspn(text + at, "\n")] = '\0';
    }
    read_action(argc, argv);
    request = request_new(data[0]);
    if (drv_request_read_args(request, argc, argv, NULL))
        check_request(request);
    return 0;
}
