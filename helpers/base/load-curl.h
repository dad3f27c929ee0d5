/* SPDX-License-Identifier: Apache-2.0 */
/* base/load-curl.h - libcurl, loaded when it is first needed: see base/load.h.
 *
 * libcurl's own macros, which check the types of options, are not in effect.
 */
#pragma once

#include <curl/curl.h>

#include "base/load.h"

#define DRV_CURL_FUNCTIONS(_)                                                            \
    _(curl_easy_cleanup)                                                                 \
    _(curl_easy_getinfo)                                                                 \
    _(curl_easy_init)                                                                    \
    _(curl_easy_pause)                                                                   \
    _(curl_easy_perform)                                                                 \
    _(curl_easy_setopt)                                                                  \
    _(curl_easy_strerror)                                                                \
    _(curl_global_init)                                                                  \
    _(curl_multi_add_handle)                                                             \
    _(curl_multi_cleanup)                                                                \
    _(curl_multi_info_read)                                                              \
    _(curl_multi_init)                                                                   \
    _(curl_multi_perform)                                                                \
    _(curl_multi_poll)                                                                   \
    _(curl_multi_remove_handle)                                                          \
    _(curl_multi_wakeup)                                                                 \
    _(curl_slist_append)                                                                 \
    _(curl_slist_free_all)

typedef struct {
    DRV_CURL_FUNCTIONS(DRV_LOAD_MEMBER)
} DrvCurlFunctions;
extern DrvCurlFunctions drv_curl;

#undef curl_easy_setopt
#undef curl_easy_getinfo
#define curl_easy_cleanup drv_curl.curl_easy_cleanup
#define curl_easy_getinfo drv_curl.curl_easy_getinfo
#define curl_easy_init drv_curl.curl_easy_init
#define curl_easy_pause drv_curl.curl_easy_pause
#define curl_easy_perform drv_curl.curl_easy_perform
#define curl_easy_setopt drv_curl.curl_easy_setopt
#define curl_easy_strerror drv_curl.curl_easy_strerror
#define curl_global_init drv_curl.curl_global_init
#define curl_multi_add_handle drv_curl.curl_multi_add_handle
#define curl_multi_cleanup drv_curl.curl_multi_cleanup
#define curl_multi_info_read drv_curl.curl_multi_info_read
#define curl_multi_init drv_curl.curl_multi_init
#define curl_multi_perform drv_curl.curl_multi_perform
#define curl_multi_poll drv_curl.curl_multi_poll
#define curl_multi_remove_handle drv_curl.curl_multi_remove_handle
#define curl_multi_wakeup drv_curl.curl_multi_wakeup
#define curl_slist_append drv_curl.curl_slist_append
#define curl_slist_free_all drv_curl.curl_slist_free_all
