/* SPDX-License-Identifier: Apache-2.0 */
/* broker-private.h - the connection's inside, for broker.c and mail.c. */
#pragma once

#include <mosquitto.h>

#include "agent/mqttd/broker.h"
#include "agent/mqttd/mail.h"

struct Listener {
    Broker *broker;
    char *topic;
    int qos, mid; /* of the subscription */
    gboolean asked, heard;
    GQueue letters;
};

struct Broker {
    const Config *config;
    Spool *spool;
    BrokerTask take;
    gpointer data;
    struct mosquitto *mosquitto;
    GThread *thread;
    int wake; /* eventfd */
    GMutex lock;
    GCond changed; /* letters, heard, sent */
    gboolean stopping, connected, broken;
    int retry_ms, mid;  /* mid: of the tasks' subscription */
    GQueue outgoing;    /* names of results */
    GHashTable *flying; /* mid → name */
    GPtrArray *listeners;
    GQueue left; /* topics to unsubscribe from */
    char *why;   /* libmosquitto's last error; NULL: none */
};

/* The thread has something to do. */
void broker_wake(Broker *broker);

/* In the broker's thread: a message for listeners; the topics that are to be subscribed
 * to, or left; an answer to that.
 */
void mail_deliver(Broker *broker, const char *topic, const char *text, gsize size);
void mail_subscribe(Broker *broker);
void mail_subscribed(Broker *broker, int mid, gboolean granted);
