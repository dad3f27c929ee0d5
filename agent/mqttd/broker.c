/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mqttd/broker-private.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"

#define MAX_FLYING 20
#define RETRY_FIRST_MS 500
#define MISC_MS 1000 /* how often libmosquitto looks at its keep-alive */

void
broker_wake(Broker *broker)
{
    guint64 one = 1;

    (void)!write(broker->wake, &one, sizeof one);
}

/* --- results ---------------------------------------------------------------------------
 */

static gboolean
is_flying(Broker *broker, const char *name)
{
    GHashTableIter iter;
    const char *other;

    g_hash_table_iter_init(&iter, broker->flying);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&other)) {
        if (strcmp(name, other) == 0)
            return TRUE;
    }
    return FALSE;
}

static char *
next_result(Broker *broker)
{
    char *name = NULL;

    g_mutex_lock(&broker->lock);
    while (name == NULL && broker->connected && broker->outgoing.head &&
           g_hash_table_size(broker->flying) < MAX_FLYING) {
        name = g_queue_pop_head(&broker->outgoing);
        if (is_flying(broker, name))
            g_clear_pointer(&name, g_free);
    }
    g_mutex_unlock(&broker->lock);
    return name;
}

/* In the broker's thread, as on_publish(): the number is noted before that looks. */
static void
send_results(Broker *broker)
{
    char *name;

    while ((name = next_result(broker)) != NULL) {
        g_autofree char *text = NULL;
        g_autoptr(GError) error = NULL;
        gsize size;
        int mid, said;

        if (!spool_result(broker->spool, name, &text, &size, &error)) {
            drv_ignore(&error, "it was acknowledged meanwhile");
            g_free(name);
            continue;
        }
        said = mosquitto_publish(broker->mosquitto,
                                 &mid,
                                 broker->config->publish_topic,
                                 (int)size,
                                 text,
                                 (int)broker->config->publish_qos,
                                 false);
        g_mutex_lock(&broker->lock);
        if (said == MOSQ_ERR_SUCCESS) {
            g_hash_table_insert(broker->flying, GINT_TO_POINTER(mid), name);
        } else {
            drv_warn("cannot send a result: %s", mosquitto_strerror(said));
            g_queue_push_head(&broker->outgoing, name);
            broker->broken = TRUE;
        }
        g_mutex_unlock(&broker->lock);
        if (said != MOSQ_ERR_SUCCESS)
            return;
    }
}

static void
on_publish(struct mosquitto *mosquitto, void *data, int mid)
{
    Broker *broker = data;
    g_autofree char *name = NULL;

    (void)mosquitto;
    g_mutex_lock(&broker->lock);
    (void)g_hash_table_steal_extended(
        broker->flying, GINT_TO_POINTER(mid), NULL, (gpointer *)&name);
    g_mutex_unlock(&broker->lock);
    if (name == NULL)
        return;
    spool_sent(broker->spool, name);
    g_mutex_lock(&broker->lock);
    g_cond_broadcast(&broker->changed);
    g_mutex_unlock(&broker->lock);
}

void
broker_send(Broker *broker, const char *name)
{
    g_mutex_lock(&broker->lock);
    g_queue_push_tail(&broker->outgoing, g_strdup(name));
    g_mutex_unlock(&broker->lock);
    broker_wake(broker);
}

gboolean
broker_drain(Broker *broker, int timeout_ms)
{
    gint64 end = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    gboolean empty, waiting = TRUE;

    g_mutex_lock(&broker->lock);
    do {
        empty = broker->outgoing.head == NULL && g_hash_table_size(broker->flying) == 0;
        if (!empty)
            waiting = g_cond_wait_until(&broker->changed, &broker->lock, end);
    } while (!empty && waiting);
    g_mutex_unlock(&broker->lock);
    return empty;
}

/* --- what arrives ----------------------------------------------------------------------
 */

/* A retained task would run at each connection. */
static void
on_message(struct mosquitto *mosquitto,
           void *data,
           const struct mosquitto_message *message)
{
    Broker *broker = data;
    bool is_task = false;

    (void)mosquitto;
    (void)mosquitto_topic_matches_sub(
        broker->config->subscribe_topic, message->topic, &is_task);
    if (!is_task) {
        mail_deliver(
            broker, message->topic, message->payload, (gsize)message->payloadlen);
        return;
    }
    if (message->retain) {
        drv_warn("a retained message at '%s' is not a task", message->topic);
        return;
    }
    if (broker->broken ||
        !broker->take(message->payload, (gsize)message->payloadlen, broker->data))
        broker->broken = TRUE; /* not acknowledged: it comes again */
}

/* --- connection ------------------------------------------------------------------------
 */

static void
on_connect(struct mosquitto *mosquitto, void *data, int code)
{
    Broker *broker = data;
    const Config *config = broker->config;

    (void)mosquitto;
    if (code != 0) {
        drv_error_log("the broker at '%s' refuses the connection: %s",
                      config->host,
                      mosquitto_connack_string(code));
        broker->broken = TRUE;
        return;
    }
    drv_info("connected to the broker at '%s'", config->host);
    g_mutex_lock(&broker->lock);
    broker->connected = TRUE;
    for (guint i = 0; i < broker->listeners->len; i++)
        ((Listener *)g_ptr_array_index(broker->listeners, i))->asked = FALSE;
    g_mutex_unlock(&broker->lock);
    (void)mosquitto_subscribe(broker->mosquitto,
                              &broker->mid,
                              config->subscribe_topic,
                              (int)config->subscribe_qos);
}

/* Without its topic this program is deaf, so it is not connected. */
static void
on_subscribe(
    struct mosquitto *mosquitto, void *data, int mid, int count, const int *granted)
{
    Broker *broker = data;
    gboolean refused = count < 1 || granted[0] > 2;

    (void)mosquitto;
    if (mid == broker->mid && refused)
        drv_error_log("the broker does not let us read '%s'",
                      broker->config->subscribe_topic);
    if (mid == broker->mid) {
        broker->broken |= refused;
        broker->retry_ms = refused ? broker->retry_ms : RETRY_FIRST_MS;
        return;
    }
    mail_subscribed(broker, mid, !refused);
}

static void
drain_wake(Broker *broker)
{
    guint64 count;

    (void)!read(broker->wake, &count, sizeof count);
}

/* Poll, read, write.  What is written comes after what was read was handled: see
 * broker_new().  If not MOSQ_ERR_SUCCESS, the connection is over.
 */
static int
turn(Broker *broker)
{
    struct pollfd fds[2] = { { .fd = mosquitto_socket(broker->mosquitto),
                               .events = POLLIN },
                             { .fd = broker->wake, .events = POLLIN } };
    int said = MOSQ_ERR_SUCCESS;

    if (fds[0].fd < 0)
        return MOSQ_ERR_NO_CONN;
    if (mosquitto_want_write(broker->mosquitto))
        fds[0].events |= POLLOUT;
    if (drv_poll(fds, 2, MISC_MS, NULL) < 0)
        broker->stopping = TRUE;
    if (fds[1].revents)
        drain_wake(broker);
    if (broker->stopping)
        return MOSQ_ERR_NO_CONN;
    if (fds[0].revents & (POLLIN | POLLERR | POLLHUP))
        said = mosquitto_loop_read(broker->mosquitto, 1);
    if (said == MOSQ_ERR_SUCCESS && !broker->broken) {
        mail_subscribe(broker);
        send_results(broker);
    }
    if (said == MOSQ_ERR_SUCCESS && !broker->broken &&
        mosquitto_want_write(broker->mosquitto))
        said = mosquitto_loop_write(broker->mosquitto, 1);
    if (said == MOSQ_ERR_SUCCESS && !broker->broken)
        said = mosquitto_loop_misc(broker->mosquitto);
    return said == MOSQ_ERR_SUCCESS && broker->broken ? MOSQ_ERR_NO_CONN : said;
}

/* What libmosquitto knows of a failed handshake is in its log only, for example
 * "OpenSSL Error[0]: error:0A000086:SSL routines::certificate verify failed".
 */
static void
on_log(struct mosquitto *mosquitto, void *data, int level, const char *text)
{
    Broker *broker = data;
    const char *colon = strrchr(text, ':');

    (void)mosquitto;
    if (level != MOSQ_LOG_ERR)
        return;
    g_free(broker->why);
    broker->why = g_strstrip(g_strdup(colon ? colon + 1 : text));
}

/* Why there is no connection now; what we broke off was logged when that was decided. */
static void
report(Broker *broker, int said)
{
    const char *reason = broker->why              ? broker->why
                         : said == MOSQ_ERR_ERRNO ? g_strerror(errno)
                                                  : mosquitto_strerror(said);

    if (!broker->broken && broker->connected)
        drv_warn("the connection to the broker is lost: %s", reason);
    else if (!broker->broken)
        drv_warn("cannot reach the broker at '%s': %s", broker->config->host, reason);
    g_clear_pointer(&broker->why, g_free);
}

/* Until the time is over or something woke us to stop. */
static void
rest(Broker *broker)
{
    gint64 end,
        ms = broker->retry_ms / 2 + g_random_int_range(0, broker->retry_ms / 2 + 1);

    end = g_get_monotonic_time() + ms * 1000;
    broker->retry_ms =
        (int)MIN((gint64)broker->retry_ms * 2, broker->config->reconnect_max_s * 1000);
    while (!broker->stopping && g_get_monotonic_time() < end) {
        struct pollfd fd = { .fd = broker->wake, .events = POLLIN };
        gint64 left = (end - g_get_monotonic_time()) / 1000 + 1;

        if (drv_poll(&fd, 1, (int)left, NULL) < 0)
            broker->stopping = TRUE;
        if (fd.revents)
            drain_wake(broker);
    }
}

static gpointer
run(gpointer data)
{
    Broker *broker = data;
    const Config *config = broker->config;
    int said = mosquitto_connect(
        broker->mosquitto, config->host, (int)config->port, (int)config->keepalive_s);

    while (!broker->stopping) {
        broker->broken = FALSE;
        while (said == MOSQ_ERR_SUCCESS)
            said = turn(broker);
        if (!broker->stopping)
            report(broker, said);
        g_mutex_lock(&broker->lock);
        broker->connected = FALSE;
        g_mutex_unlock(&broker->lock);
        if (!broker->stopping)
            rest(broker);
        if (!broker->stopping)
            said = mosquitto_reconnect(broker->mosquitto);
    }
    return NULL;
}

/* --- life ------------------------------------------------------------------------------
 */

static gboolean
say(int said, const char *what, GError **error)
{
    return said == MOSQ_ERR_SUCCESS ||
           drv_throw(error,
                     DRV_ERROR_CONFIG,
                     "'communicator.%s': %s",
                     what,
                     said == MOSQ_ERR_ERRNO ? g_strerror(errno)
                                            : mosquitto_strerror(said));
}

static gboolean
set_up(Broker *broker, GError **error)
{
    const Config *config = broker->config;
    struct mosquitto *mosquitto = broker->mosquitto;

    if (config->username &&
        !say(mosquitto_username_pw_set(mosquitto, config->username, config->password),
             "username",
             error))
        return FALSE;
    if ((config->ca_file || config->ca_directory) &&
        !say(mosquitto_tls_set(mosquitto,
                               config->ca_file,
                               config->ca_directory,
                               config->cert_file,
                               config->key_file,
                               NULL),
             "tls",
             error))
        return FALSE;
    return say(
        mosquitto_sub_topic_check(config->subscribe_topic), "subscribe-topic", error);
}

Broker *
broker_new(
    const Config *config, Spool *spool, BrokerTask take, gpointer data, GError **error)
{
    g_autoptr(Broker) broker = g_new0(Broker, 1);

    (void)mosquitto_lib_init();
    g_mutex_init(&broker->lock);
    g_cond_init(&broker->changed);
    broker->config = config;
    broker->spool = spool;
    broker->take = take;
    broker->data = data;
    broker->retry_ms = RETRY_FIRST_MS;
    broker->flying = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    broker->listeners = g_ptr_array_new();
    broker->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    broker->mosquitto = mosquitto_new(config->client_id, false, broker);
    if (broker->wake < 0 || broker->mosquitto == NULL) {
        (void)drv_throw_errno(error, "cannot set up the connection to the broker");
        return NULL;
    }
    /* Then it writes only in mosquitto_loop_write(), not where it queues: not an
     * acknowledgement before on_message() has returned.
     */
    (void)mosquitto_threaded_set(broker->mosquitto, true);
    /* A result behind an acknowledgement is not held back for the broker's own. */
    (void)mosquitto_int_option(broker->mosquitto, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_log_callback_set(broker->mosquitto, on_log);
    mosquitto_connect_callback_set(broker->mosquitto, on_connect);
    mosquitto_subscribe_callback_set(broker->mosquitto, on_subscribe);
    mosquitto_message_callback_set(broker->mosquitto, on_message);
    mosquitto_publish_callback_set(broker->mosquitto, on_publish);
    return set_up(broker, error) ? g_steal_pointer(&broker) : NULL;
}

void
broker_start(Broker *broker)
{
    broker->thread = g_thread_new("broker", run, broker);
}

void
broker_free(Broker *broker)
{
    if (broker == NULL)
        return;
    broker->stopping = TRUE;
    if (broker->wake >= 0)
        broker_wake(broker);
    if (broker->thread)
        g_thread_join(broker->thread);
    if (broker->mosquitto)
        mosquitto_destroy(broker->mosquitto);
    drv_fd_close_one(broker->wake);
    g_hash_table_unref(broker->flying);
    g_ptr_array_unref(broker->listeners);
    g_queue_clear_full(&broker->outgoing, g_free);
    g_queue_clear_full(&broker->left, g_free);
    g_free(broker->why);
    g_mutex_clear(&broker->lock);
    g_cond_clear(&broker->changed);
    g_free(broker);
    (void)mosquitto_lib_cleanup();
}
