/* SPDX-License-Identifier: Apache-2.0 */
/* transport/frame.h - what a front-end and a worker say to each other.
 *
 * A frame is "DRV", one letter, a little-endian 32-bit size, and that many bytes:
 *
 *     worker → front-end   H  hello: build, machine, one a line
 *     front-end → worker   R  request: GVariant (sa{sv}): op's name, fields
 *     front-end → worker   D  data of the op's stream;  Z  so many zero bytes (u64)
 *                          E  end of the stream
 *                          C  confirmed: what was prepared shall stay
 *     worker → front-end   L  log: level letter, text     A  still alive
 *                          S  status: what it does, as lines (base/status.h)
 *                          P  prepared: result text; it stays once that is confirmed
 *                          K  done: result text (may be empty)
 *                          X  failed: u32 code, message
 *
 * docs/worker.md describes the conversation.  Numbers are little-endian.
 */
#pragma once

#include <glib.h>

#define DRV_FRAME_HEADER 8
#define DRV_FRAME_MAX (1024 * 1024) /* bytes of payload; more is a broken stream */

typedef enum {
    DRV_FRAME_HELLO = 'H',
    DRV_FRAME_REQUEST = 'R',
    DRV_FRAME_DATA = 'D',
    DRV_FRAME_ZEROS = 'Z',
    DRV_FRAME_END = 'E',
    DRV_FRAME_LOG = 'L',
    DRV_FRAME_ALIVE = 'A',
    DRV_FRAME_STATUS = 'S',
    DRV_FRAME_PREPARED = 'P',
    DRV_FRAME_CONFIRMED = 'C',
    DRV_FRAME_DONE = 'K',
    DRV_FRAME_FAILED = 'X',
} DrvFrameType;

/* A frame inside a buffer: @data belongs to the buffer. */
typedef struct {
    DrvFrameType type;
    const guint8 *data;
    gsize size;
} DrvFrame;

/* Append a frame to @buffer. */
void
drv_frame_append(GByteArray *buffer, DrvFrameType type, gconstpointer data, gsize size);
void drv_frame_append_u64(GByteArray *buffer, DrvFrameType type, guint64 number);
void drv_frame_append_error(GByteArray *buffer, const GError *error);

/* Look for a complete frame at @buffer's start.  *size gets its length with the header,
 * or 0 when more bytes are needed.  FALSE with DRV_ERROR_REMOTE when these bytes cannot
 * be one.
 */
gboolean drv_frame_parse(const GByteArray *buffer,
                         DrvFrame *frame,
                         gsize *size,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Payloads; FALSE when they are malformed. */
gboolean drv_frame_get_u64(const DrvFrame *frame, guint64 *number);
/* Sets @error to what the frame says and returns FALSE. */
gboolean drv_frame_throw(const DrvFrame *frame, GError **error);
/* The payload as text; caller frees. */
char *drv_frame_text(const DrvFrame *frame);

/* The request payload: packed and checked. */
GBytes *drv_frame_pack_request(const char *op, GVariant *fields);
gboolean drv_frame_unpack_request(const DrvFrame *frame,
                                  char **op,
                                  GVariant **fields,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
