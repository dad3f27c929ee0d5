/* SPDX-License-Identifier: Apache-2.0 */
/* monitor/monitord.h - messages to the front-end's monitor daemon (from 5.12).
 *
 * "TYPE STATUS HID EPOCH PAYLOAD": the payload is encrypted with the daemon's public key
 * if it has one (RSA, PKCS#1 v1.5, in chunks), deflated, and base64 without line breaks
 * (virtual machine protocol, section 3.2).
 */
#pragma once

#include <glib.h>

typedef struct {
    const char *type; /* "MONITOR_VM" … */
    gboolean failed;  /* FAILURE instead of SUCCESS */
    gint64 host_id;   /* -1 when the message is not of a host */
    gint64 epoch;     /* 0: always taken */
    const char *data;
} DrvMonitorMessage;

/* The line, without a line break; @public_key is PEM text, or NULL.  Caller frees. */
char *drv_monitord_line(const DrvMonitorMessage *message,
                        const char *public_key,
                        GError **error);

/* Send @line: as one datagram, or, when it would not fit one or @tcp asks for it, over a
 * connection of its own.  A connection that is not made within 5 s is DRV_ERROR_TIMEOUT.
 */
gboolean drv_monitord_send(const char *address,
                           guint16 port,
                           const char *line,
                           gboolean tcp,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The form of front-ends up to 5.10: "MONITOR SUCCESS HID PAYLOAD", line break included;
 * always a datagram.  Caller frees.
 */
char *drv_monitord_collect_line(const char *host_id, gboolean failed, const char *data);
gboolean drv_monitord_send_datagram(const char *address,
                                    guint16 port,
                                    const char *line,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Send to the daemon of this front-end, as /etc/one/monitord.conf says. */
gboolean drv_monitord_send_local(const DrvMonitorMessage *message,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
