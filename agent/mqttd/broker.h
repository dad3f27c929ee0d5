/* SPDX-License-Identifier: Apache-2.0 */
/* broker.h - the connection to the MQTT broker (libmosquitto), in a thread of its own.
 *
 * The session is persistent: what arrives while this program is down waits at the broker.
 * A message is handed over before its acknowledgement is written, so one that is
 * acknowledged is on disk.  Results are taken from the spool, a few at a time, and leave
 * it when the broker acknowledged them.  A lost connection is made again, with growing
 * pauses, and all topics are subscribed again.
 */
#pragma once

#include "agent/mqttd/config.h"
#include "agent/mqttd/spool.h"

typedef struct Broker Broker;

/* A task arrived, in the broker's thread.  FALSE: it could not be accepted; it will be
 * sent again after the next connection.
 */
typedef gboolean (*BrokerTask)(const char *text, gsize size, gpointer data);

Broker *broker_new(
    const Config *config, Spool *spool, BrokerTask take, gpointer data, GError **error);
/* Connect, and go on until broker_free(). */
void broker_start(Broker *broker);
void broker_free(Broker *broker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Broker, broker_free)

/* Results of the spool that are to be sent; from any thread. */
void broker_send(Broker *broker, const char *name);
/* Wait until all were acknowledged, at most @timeout_ms. */
gboolean broker_drain(Broker *broker, int timeout_ms);
