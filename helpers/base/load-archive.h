/* SPDX-License-Identifier: Apache-2.0 */
/* base/load-archive.h - libarchive, loaded when it is first needed: see base/load.h.
 *
 * Tests that make archives of their own link it, and include the library's header.
 */
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include "base/load.h"

#define DRV_ARCHIVE_FUNCTIONS(_)                                                         \
    _(archive_entry_copy_stat)                                                           \
    _(archive_entry_filetype)                                                            \
    _(archive_entry_free)                                                                \
    _(archive_entry_hardlink)                                                            \
    _(archive_entry_is_encrypted)                                                        \
    _(archive_entry_new)                                                                 \
    _(archive_entry_pathname)                                                            \
    _(archive_entry_pathname_utf8)                                                       \
    _(archive_entry_set_gid)                                                             \
    _(archive_entry_set_nlink)                                                           \
    _(archive_entry_set_pathname)                                                        \
    _(archive_entry_set_pathname_utf8)                                                   \
    _(archive_entry_set_uid)                                                             \
    _(archive_entry_symlink)                                                             \
    _(archive_errno)                                                                     \
    _(archive_error_string)                                                              \
    _(archive_filter_bytes)                                                              \
    _(archive_read_append_filter)                                                        \
    _(archive_read_data)                                                                 \
    _(archive_read_free)                                                                 \
    _(archive_read_new)                                                                  \
    _(archive_read_next_header)                                                          \
    _(archive_read_open)                                                                 \
    _(archive_read_open_fd)                                                              \
    _(archive_read_support_format_raw)                                                   \
    _(archive_read_support_format_tar)                                                   \
    _(archive_read_support_format_zip_seekable)                                          \
    _(archive_set_error)                                                                 \
    _(archive_write_close)                                                               \
    _(archive_write_data)                                                                \
    _(archive_write_fail)                                                                \
    _(archive_write_free)                                                                \
    _(archive_write_header)                                                              \
    _(archive_write_new)                                                                 \
    _(archive_write_open_fd)                                                             \
    _(archive_write_set_bytes_per_block)                                                 \
    _(archive_write_set_format_iso9660)                                                  \
    _(archive_write_set_format_option)

typedef struct {
    DRV_ARCHIVE_FUNCTIONS(DRV_LOAD_MEMBER)
} DrvArchiveFunctions;
extern DrvArchiveFunctions drv_archive;

#define archive_entry_copy_stat drv_archive.archive_entry_copy_stat
#define archive_entry_filetype drv_archive.archive_entry_filetype
#define archive_entry_free drv_archive.archive_entry_free
#define archive_entry_hardlink drv_archive.archive_entry_hardlink
#define archive_entry_is_encrypted drv_archive.archive_entry_is_encrypted
#define archive_entry_new drv_archive.archive_entry_new
#define archive_entry_pathname drv_archive.archive_entry_pathname
#define archive_entry_pathname_utf8 drv_archive.archive_entry_pathname_utf8
#define archive_entry_set_gid drv_archive.archive_entry_set_gid
#define archive_entry_set_nlink drv_archive.archive_entry_set_nlink
#define archive_entry_set_pathname drv_archive.archive_entry_set_pathname
#define archive_entry_set_pathname_utf8 drv_archive.archive_entry_set_pathname_utf8
#define archive_entry_set_uid drv_archive.archive_entry_set_uid
#define archive_entry_symlink drv_archive.archive_entry_symlink
#define archive_errno drv_archive.archive_errno
#define archive_error_string drv_archive.archive_error_string
#define archive_filter_bytes drv_archive.archive_filter_bytes
#define archive_read_append_filter drv_archive.archive_read_append_filter
#define archive_read_data drv_archive.archive_read_data
#define archive_read_free drv_archive.archive_read_free
#define archive_read_new drv_archive.archive_read_new
#define archive_read_next_header drv_archive.archive_read_next_header
#define archive_read_open drv_archive.archive_read_open
#define archive_read_open_fd drv_archive.archive_read_open_fd
#define archive_read_support_format_raw drv_archive.archive_read_support_format_raw
#define archive_read_support_format_tar drv_archive.archive_read_support_format_tar
#define archive_read_support_format_zip_seekable                                         \
    drv_archive.archive_read_support_format_zip_seekable
#define archive_set_error drv_archive.archive_set_error
#define archive_write_close drv_archive.archive_write_close
#define archive_write_data drv_archive.archive_write_data
#define archive_write_fail drv_archive.archive_write_fail
#define archive_write_free drv_archive.archive_write_free
#define archive_write_header drv_archive.archive_write_header
#define archive_write_new drv_archive.archive_write_new
#define archive_write_open_fd drv_archive.archive_write_open_fd
#define archive_write_set_bytes_per_block drv_archive.archive_write_set_bytes_per_block
#define archive_write_set_format_iso9660 drv_archive.archive_write_set_format_iso9660
#define archive_write_set_format_option drv_archive.archive_write_set_format_option
