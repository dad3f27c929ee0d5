/* SPDX-License-Identifier: Apache-2.0 */
/* source/sftp.h - the reading part of the SFTP protocol over the admin's ssh
 * (draft-ietf-secsh-filexfer-02).
 *
 * A packet is its length (4 bytes), its type (1), and for all but the first a request
 * number (4); numbers are big-endian, a string is its length and its bytes.  We ask for
 * OPEN, FSTAT, REALPATH and READ, and are answered HANDLE, ATTRS, NAME, DATA or STATUS.
 * An answer has at most 256 KiB.
 */
#pragma once

#include "base/error.h"
#include "cmd/cmd.h"

/* Types that the reader needs, too. */
enum { DRV_SFTP_READ = 5, DRV_SFTP_STATUS = 101, DRV_SFTP_DATA = 103 };
enum { DRV_SFTP_STATUS_EOF = 1 };

typedef struct {
    char *name; /* for messages */
    DrvChild child;
    int wake_fd;
    guint stall_ms;     /* silence that is too long */
    GByteArray *input;  /* of the packet being received, with its length */
    GString *said;      /* what ssh wrote to stderr */
    GByteArray *handle; /* of the open file */
    guint64 size;       /* of the file, or DRV_SOURCE_SIZE_UNKNOWN */
    guint32 last_id;
} DrvSftp;

/* Connect to @host (what ssh takes).  To be cleared after a failure, too. */
gboolean drv_sftp_start(DrvSftp *sftp,
                        const char *host,
                        const char *name,
                        guint stall_ms,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
void drv_sftp_clear(DrvSftp *sftp);

/* From another thread: what waits for an answer ends with DRV_ERROR_CANCELLED. */
void drv_sftp_interrupt(DrvSftp *sftp);

/* The absolute path to which @path resolves there; caller frees. */
char *drv_sftp_real_path(DrvSftp *sftp, const char *path, GError **error);

/* Open for reading, and find size and type: a regular file or a block device. */
gboolean
drv_sftp_open(DrvSftp *sftp, const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_sftp_stat(DrvSftp *sftp, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A packet of @type and @id, to which its fields are added. */
GByteArray *drv_sftp_packet(guint8 type, guint32 id);
void drv_sftp_put_number(GByteArray *packet, guint64 value, guint size);
void drv_sftp_put_string(GByteArray *packet, gconstpointer data, gsize size);
guint64 drv_sftp_number(const guint8 *at, guint size);

gboolean drv_sftp_transmit(DrvSftp *sftp,
                           GByteArray *packet,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Receive a packet: @body is what follows the length, owned by @sftp until the next. */
gboolean drv_sftp_receive(DrvSftp *sftp, const guint8 **body, guint *size, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* "cannot fetch '<name>': <reason>", and the same with what a STATUS packet says. */
gboolean drv_sftp_throw(const DrvSftp *sftp,
                        DrvErrorCode code,
                        const char *reason,
                        GError **error);
gboolean drv_sftp_throw_status(const DrvSftp *sftp,
                               const guint8 *body,
                               guint size,
                               GError **error);
