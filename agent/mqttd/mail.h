/* SPDX-License-Identifier: Apache-2.0 */
/* mail.h - other messages at the broker than tasks and results: those of pscom. */
#pragma once

#include "agent/mqttd/broker.h"

typedef struct {
    char *topic, *text;
} Mail;
void mail_free(Mail *mail);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Mail, mail_free)

typedef struct Listener Listener;

/* Subscribe to @topic (wildcards allowed), until mail_unlisten(). */
Listener *mail_listen(Broker *broker, const char *topic, int qos);
void mail_unlisten(Broker *broker, Listener *listener);

/* The next message, or NULL at @deadline (monotonic) or when a stop was asked for. */
Mail *mail_next(Listener *listener, gint64 deadline);

/* TRUE when the broker confirmed the subscription before @deadline. */
gboolean mail_is_heard(Listener *listener, gint64 deadline);

gboolean mail_publish(Broker *broker,
                      const char *topic,
                      const char *text,
                      int qos,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;
