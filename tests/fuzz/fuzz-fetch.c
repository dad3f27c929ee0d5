/* SPDX-License-Identifier: Apache-2.0 */
/* URLs, rates and the headers of answers: lines of text. */
#define DRV_ALLOW_PRIVATE
#include <stdint.h>
#include <string.h>

#include "source/fetch-private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 6);
    const DrvFetchS3 s3 = { .access_key_id = "a",
                            .secret_access_key = "b",
                            .endpoint = lines[0] ? lines[1] : NULL };
    DrvHttpAnswer answer = { 0 };
    guint64 rate;

    for (guint i = 0; lines[i]; i++) {
        g_autofree char *name G_GNUC_UNUSED = drv_fetch_display_name(lines[i]);
        g_autofree char *host = NULL;
        g_autofree char *path = NULL;
        g_auto(DrvHttpTarget) target = { 0 };

        drv_http_answer_line(&answer, lines[i]);
        (void)!drv_fetch_parse_rate(lines[i], &rate, NULL);
        if (drv_fetch_scheme(lines[i]) == DRV_FETCH_SSH &&
            drv_fetch_split_ssh(lines[i], &host, &path, NULL))
            g_assert(host[0] != '-' && host[0] && path[0]);
        if (drv_fetch_scheme(lines[i]) == DRV_FETCH_S3)
            (void)!drv_fetch_s3_target(lines[i], &s3, &target, NULL);
    }
    drv_http_answer_clear(&answer);
    return 0;
}
