/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/mail.h"

#include <string.h>

#include "agent/mqttd/broker-private.h"
#include "base/cancel.h"
#include "base/error.h"

#define MAX_LETTERS 4096 /* of a listener, unread */

void
mail_free(Mail *mail)
{
    if (mail == NULL)
        return;
    g_free(mail->topic);
    g_free(mail->text);
    g_free(mail);
}

void
mail_deliver(Broker *broker, const char *topic, const char *text, gsize size)
{
    g_mutex_lock(&broker->lock);
    for (guint i = 0; i < broker->listeners->len; i++) {
        Listener *listener = g_ptr_array_index(broker->listeners, i);
        bool matches = false;
        Mail *mail;

        if (mosquitto_topic_matches_sub(listener->topic, topic, &matches) !=
                MOSQ_ERR_SUCCESS ||
            !matches || listener->letters.length >= MAX_LETTERS)
            continue;
        mail = g_new0(Mail, 1);
        mail->topic = g_strdup(topic);
        mail->text = g_strndup(text, size);
        g_queue_push_tail(&listener->letters, mail);
    }
    g_cond_broadcast(&broker->changed);
    g_mutex_unlock(&broker->lock);
}

/* The listener may be gone by now. */
static void
note_subscription(Broker *broker, const char *topic, int mid)
{
    g_mutex_lock(&broker->lock);
    for (guint i = 0; i < broker->listeners->len; i++) {
        Listener *listener = g_ptr_array_index(broker->listeners, i);

        if (strcmp(listener->topic, topic) == 0)
            listener->mid = mid;
    }
    g_mutex_unlock(&broker->lock);
}

/* Ask for the topics of new listeners.  The lock is not held while libmosquitto is
 * called: its own is held while it calls us.
 */
void
mail_subscribe(Broker *broker)
{
    for (guint i = 0;; i++) {
        Listener *listener = NULL;
        g_autofree char *topic = NULL;
        g_autofree char *gone = NULL;
        int qos = 0, mid = 0;

        g_mutex_lock(&broker->lock);
        gone = g_queue_pop_head(&broker->left);
        if (i < broker->listeners->len)
            listener = g_ptr_array_index(broker->listeners, i);
        if (listener && !listener->asked && broker->connected) {
            listener->asked = TRUE;
            topic = g_strdup(listener->topic);
            qos = listener->qos;
        }
        g_mutex_unlock(&broker->lock);
        if (gone)
            (void)mosquitto_unsubscribe(broker->mosquitto, NULL, gone);
        if (topic && mosquitto_subscribe(broker->mosquitto, &mid, topic, qos) == 0)
            note_subscription(broker, topic, mid);
        if (listener == NULL && gone == NULL)
            return;
    }
}

void
mail_subscribed(Broker *broker, int mid, gboolean granted)
{
    g_mutex_lock(&broker->lock);
    for (guint i = 0; i < broker->listeners->len; i++) {
        Listener *listener = g_ptr_array_index(broker->listeners, i);

        listener->heard |= listener->mid == mid && granted;
    }
    g_cond_broadcast(&broker->changed);
    g_mutex_unlock(&broker->lock);
}

Listener *
mail_listen(Broker *broker, const char *topic, int qos)
{
    Listener *listener = g_new0(Listener, 1);

    listener->broker = broker;
    listener->topic = g_strdup(topic);
    listener->qos = qos;
    g_queue_init(&listener->letters);
    g_mutex_lock(&broker->lock);
    g_ptr_array_add(broker->listeners, listener);
    g_mutex_unlock(&broker->lock);
    broker_wake(broker);
    return listener;
}

void
mail_unlisten(Broker *broker, Listener *listener)
{
    gboolean shared = FALSE;

    g_mutex_lock(&broker->lock);
    g_ptr_array_remove(broker->listeners, listener);
    for (guint i = 0; i < broker->listeners->len; i++)
        shared |= strcmp(((Listener *)g_ptr_array_index(broker->listeners, i))->topic,
                         listener->topic) == 0;
    if (broker->connected && !shared)
        g_queue_push_tail(&broker->left, g_strdup(listener->topic));
    g_mutex_unlock(&broker->lock);
    broker_wake(broker);
    g_queue_clear_full(&listener->letters, (GDestroyNotify)mail_free);
    g_free(listener->topic);
    g_free(listener);
}

#define LOOK_MS 200 /* whether a stop was asked for */

/* With the lock; FALSE: time is up. */
static gboolean
wait_until(Listener *listener, gint64 deadline)
{
    gint64 now = g_get_monotonic_time();

    if (now >= deadline || drv_cancel_pending())
        return FALSE;
    (void)g_cond_wait_until(&listener->broker->changed,
                            &listener->broker->lock,
                            MIN(deadline, now + LOOK_MS * 1000));
    return TRUE;
}

Mail *
mail_next(Listener *listener, gint64 deadline)
{
    Mail *mail;

    g_mutex_lock(&listener->broker->lock);
    while (listener->letters.head == NULL && wait_until(listener, deadline))
        ;
    mail = g_queue_pop_head(&listener->letters);
    g_mutex_unlock(&listener->broker->lock);
    return mail;
}

gboolean
mail_is_heard(Listener *listener, gint64 deadline)
{
    gboolean heard;

    g_mutex_lock(&listener->broker->lock);
    while (!listener->heard && wait_until(listener, deadline))
        ;
    heard = listener->heard;
    g_mutex_unlock(&listener->broker->lock);
    return heard;
}

gboolean
mail_publish(Broker *broker, const char *topic, const char *text, int qos, GError **error)
{
    int said = mosquitto_publish(
        broker->mosquitto, NULL, topic, (int)strlen(text), text, qos, false);

    broker_wake(broker);
    return said == MOSQ_ERR_SUCCESS || drv_throw(error,
                                                 DRV_ERROR_FAILED,
                                                 "cannot publish to '%s': %s",
                                                 topic,
                                                 mosquitto_strerror(said));
}
