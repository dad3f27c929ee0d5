/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/monitord.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "base/action.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/load-crypto.h"

#define DATAGRAM_MAX 60000 /* bytes; the protocol's limit is a little under 64 KiB */
#define DEFAULT_PORT 4124
#define CONNECT_TIMEOUT_MS 5000
#define PKCS1_PADDING 11 /* bytes of each chunk */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free)
typedef struct addrinfo AddrInfo;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AddrInfo, freeaddrinfo)

static gboolean
encrypt_chunk(EVP_PKEY_CTX *context, const guint8 *data, gsize size, GByteArray *out)
{
    size_t needed = 0;
    guint at = out->len;

    if (EVP_PKEY_encrypt(context, NULL, &needed, data, size) <= 0)
        return FALSE;
    g_byte_array_set_size(out, at + (guint)needed);
    if (EVP_PKEY_encrypt(context, out->data + at, &needed, data, size) <= 0)
        return FALSE;
    g_byte_array_set_size(out, at + (guint)needed);
    return TRUE;
}

static GByteArray *
encrypt(const char *pem, const char *data, GError **error)
{
    g_autoptr(BIO) bio = NULL;
    g_autoptr(EVP_PKEY) key = NULL;
    g_autoptr(EVP_PKEY_CTX) context = NULL;
    g_autoptr(GByteArray) out = g_byte_array_new();
    gsize left = strlen(data);
    gsize chunk;

    if (!drv_load_crypto(error))
        return NULL;
    bio = BIO_new_mem_buf(pem, -1);
    key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    context = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    if (context == NULL || EVP_PKEY_encrypt_init(context) <= 0 ||
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) <= 0) {
        (void)drv_throw(
            error, DRV_ERROR_CONFIG, "PUBKEY of the monitor is not an RSA public key");
        return NULL;
    }
    chunk = (gsize)EVP_PKEY_get_size(key) - PKCS1_PADDING;
    for (; left > 0; left -= MIN(left, chunk), data += chunk) {
        if (!encrypt_chunk(context, (const guint8 *)data, MIN(left, chunk), out)) {
            (void)drv_throw(error, DRV_ERROR_FAILED, "cannot encrypt for the monitor");
            return NULL;
        }
    }
    return g_steal_pointer(&out);
}

/* Deflated and base64 without line breaks; caller frees. */
static char *
pack(const guint8 *data, gsize size, GError **error)
{
    uLongf packed_size = compressBound(size);
    g_autofree Bytef *packed = g_malloc(packed_size);

    if (compress2(packed, &packed_size, data, size, Z_BEST_SPEED) != Z_OK) {
        (void)drv_throw(error, DRV_ERROR_FAILED, "cannot compress a message");
        return NULL;
    }
    return g_base64_encode(packed, packed_size);
}

char *
drv_monitord_collect_line(const char *host_id, gboolean failed, const char *data)
{
    g_autofree char *payload = pack((const guint8 *)data, strlen(data), NULL);

    return g_strdup_printf("MONITOR %s %s %s\n",
                           failed ? "FAILURE" : "SUCCESS",
                           host_id,
                           payload ? payload : "-");
}

char *
drv_monitord_line(const DrvMonitorMessage *message,
                  const char *public_key,
                  GError **error)
{
    g_autoptr(GByteArray) secret = NULL;
    const guint8 *plain = (const guint8 *)message->data;
    gsize size = strlen(message->data);
    g_autofree char *payload = NULL;

    if (public_key && *public_key) {
        secret = encrypt(public_key, message->data, error);
        if (secret == NULL)
            return NULL;
        plain = secret->data;
        size = secret->len;
    }
    payload = pack(plain, size, error);
    if (payload == NULL)
        return NULL;
    return g_strdup_printf("%s %s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s",
                           message->type,
                           message->failed ? "FAILURE" : "SUCCESS",
                           message->host_id,
                           message->epoch,
                           payload);
}

/* Wait for the connection: a front-end that is away must not hold its caller up. */
static gboolean
await_connection(int fd, GError **error)
{
    struct pollfd ready = { .fd = fd, .events = POLLOUT };
    int n = drv_poll(&ready, 1, CONNECT_TIMEOUT_MS, error);
    socklen_t size = sizeof errno;
    int why = 0;

    if (n < 0)
        return FALSE;
    if (n == 0)
        return drv_throw(error, DRV_ERROR_TIMEOUT, "the monitor does not answer");
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &size) < 0 || why != 0) {
        errno = why;
        return drv_throw_errno(error, "cannot reach the monitor");
    }
    return TRUE;
}

static gboolean
send_over(const AddrInfo *where, const char *line, GError **error)
{
    g_auto(DrvFd) fd = socket(where->ai_family,
                              where->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                              where->ai_protocol);

    if (fd < 0)
        return drv_throw_errno(error, "cannot reach the monitor");
    if (connect(fd, where->ai_addr, where->ai_addrlen) < 0) {
        if (errno != EINPROGRESS)
            return drv_throw_errno(error, "cannot reach the monitor");
        if (!await_connection(fd, error))
            return FALSE;
    }
    if (where->ai_socktype == SOCK_DGRAM) {
        if (send(fd, line, strlen(line), 0) < 0)
            return drv_throw_errno(error, "cannot send to the monitor");
        return TRUE;
    }
    return drv_fd_write_all(fd, line, strlen(line), "to the monitor", error);
}

static gboolean
send_by(
    const char *address, guint16 port, const char *line, gboolean stream, GError **error)
{
    g_autofree char *service = g_strdup_printf("%u", port);
    struct addrinfo hints = { .ai_socktype = stream ? SOCK_STREAM : SOCK_DGRAM };
    g_autoptr(AddrInfo) found = NULL;
    int code = getaddrinfo(address, service, &hints, &found);

    if (code != 0)
        return drv_throw(error,
                         DRV_ERROR_NOT_FOUND,
                         "cannot find the monitor '%s': %s",
                         address,
                         gai_strerror(code));
    return send_over(found, line, error) ||
           drv_prefix(error, "'%s' port %u", address, port);
}

gboolean
drv_monitord_send(
    const char *address, guint16 port, const char *line, gboolean tcp, GError **error)
{
    return send_by(address, port, line, tcp || strlen(line) > DATAGRAM_MAX, error);
}

gboolean
drv_monitord_send_datagram(const char *address,
                           guint16 port,
                           const char *line,
                           GError **error)
{
    return send_by(address, port, line, FALSE, error);
}

/* --- monitord.conf: "NETWORK = [ KEY = \"value\", … ]"
 * -------------------------------------- */

static char *
conf_value(const char *conf, const char *key)
{
    g_autofree char *pattern =
        g_strdup_printf("^[^#\\n]*\\b%s\\s*=\\s*\"?([^\",\\]\\n]*)", key);
    g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_MULTILINE, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;

    if (!g_regex_match(regex, conf, 0, &match))
        return NULL;
    return g_strstrip(g_match_info_fetch(match, 1));
}

/* *pem is NULL when the daemon has no key. */
static gboolean
read_public_key(const char *conf, char **pem, GError **error)
{
    g_autofree char *path = conf_value(conf, "PUBKEY");
    g_autoptr(GError) why = NULL;

    *pem = NULL;
    if (path == NULL || *path == '\0' || g_file_get_contents(path, pem, NULL, &why))
        return TRUE;
    return drv_throw(
        error, DRV_ERROR_CONFIG, "the monitor's PUBKEY cannot be read: %s", why->message);
}

gboolean
drv_monitord_send_local(const DrvMonitorMessage *message, GError **error)
{
    g_autofree char *file = g_build_filename(drv_action_etc_dir(), "monitord.conf", NULL);
    g_autofree char *conf = NULL;
    g_autofree char *address = NULL;
    g_autofree char *port = NULL;
    g_autofree char *key = NULL;
    g_autofree char *line = NULL;
    guint64 number = DEFAULT_PORT;

    if (!g_file_get_contents(file, &conf, NULL, NULL))
        conf = g_strdup("");
    address = conf_value(conf, "MONITOR_ADDRESS");
    port = conf_value(conf, "PORT");
    if (!read_public_key(conf, &key, error))
        return FALSE;
    if (port && *port &&
        !g_ascii_string_to_unsigned(port, 10, 1, G_MAXUINT16, &number, NULL))
        return drv_throw(error, DRV_ERROR_CONFIG, "%s: invalid PORT: '%s'", file, port);
    line = drv_monitord_line(message, key, error);
    if (line == NULL)
        return FALSE;
    if (address == NULL || *address == '\0' || g_str_equal(address, "auto"))
        return drv_monitord_send("127.0.0.1", (guint16)number, line, FALSE, error);
    return drv_monitord_send(address, (guint16)number, line, FALSE, error);
}
