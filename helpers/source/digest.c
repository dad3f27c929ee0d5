/* SPDX-License-Identifier: Apache-2.0 */
#include "source/digest.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/load-crypto.h"

#define READ_SIZE ((gsize)1024 * 1024)

static const struct {
    const char *name;
    gsize size;
} kinds[DRV_DIGEST_LAST] = {
    [DRV_DIGEST_MD5] = { "MD5", 16 },
    [DRV_DIGEST_SHA1] = { "SHA1", 20 },
    [DRV_DIGEST_SHA256] = { "SHA256", 32 },
};

static char *
hex_of(const guint8 *data, gsize size)
{
    static const char digits[] = "0123456789abcdef";
    char *text = g_malloc(2 * size + 1);

    for (gsize i = 0; i < size; i++) {
        text[2 * i] = digits[data[i] >> 4];
        text[2 * i + 1] = digits[data[i] & 15];
    }
    text[2 * size] = '\0';
    return text;
}

gboolean
drv_digest_equal(const char *a, const char *b)
{
    return g_ascii_strcasecmp(a, b) == 0;
}

/* --- one digest --------------------------------------------------------------------- */

struct DrvDigest {
    DrvDigestKind kind;
    EVP_MD_CTX *context;
    gboolean failed;
};

static const EVP_MD *
algorithm(DrvDigestKind kind)
{
    switch (kind) {
    case DRV_DIGEST_MD5:
        return EVP_md5();
    case DRV_DIGEST_SHA1:
        return EVP_sha1();
    case DRV_DIGEST_SHA256:
    case DRV_DIGEST_LAST:
    default:
        return EVP_sha256();
    }
}

static gboolean
openssl_failed(DrvDigestKind kind, GError **error)
{
    return drv_throw(
        error, DRV_ERROR_FAILED, "OpenSSL cannot compute %s here", kinds[kind].name);
}

DrvDigest *
drv_digest_new(DrvDigestKind kind, GError **error)
{
    g_autoptr(DrvDigest) digest = NULL;

    if (!drv_load_crypto(error))
        return NULL;
    digest = g_new0(DrvDigest, 1);
    digest->kind = kind;
    digest->context = EVP_MD_CTX_new();
    if (digest->context && EVP_DigestInit_ex(digest->context, algorithm(kind), NULL) == 1)
        return g_steal_pointer(&digest);
    (void)openssl_failed(kind, error);
    return NULL;
}

void
drv_digest_free(DrvDigest *digest)
{
    if (digest)
        EVP_MD_CTX_free(digest->context);
    g_free(digest);
}

void
drv_digest_update(DrvDigest *digest, gconstpointer data, gsize size)
{
    digest->failed |= EVP_DigestUpdate(digest->context, data, size) != 1;
}

char *
drv_digest_finish(DrvDigest *digest, GError **error)
{
    guint8 value[EVP_MAX_MD_SIZE];
    unsigned int size = 0;

    if (digest->failed || EVP_DigestFinal_ex(digest->context, value, &size) != 1) {
        (void)openssl_failed(digest->kind, error);
        return NULL;
    }
    return hex_of(value, size);
}

char *
drv_digest_fd(int fd, DrvDigestKind kind, const char *name, GError **error)
{
    g_autoptr(DrvDigest) digest = drv_digest_new(kind, error);
    g_autofree guint8 *buffer = g_malloc(READ_SIZE);
    off_t at = 0;

    if (digest == NULL)
        return NULL;
    for (;;) {
        gssize got;

        if (!drv_cancel_check(error))
            return NULL;
        got = pread(fd, buffer, READ_SIZE, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            drv_throw_errno(error, "cannot read '%s'", name);
            return NULL;
        }
        if (got == 0)
            return drv_digest_finish(digest, error);
        drv_digest_update(digest, buffer, (gsize)got);
        at += got;
    }
}

gboolean
drv_digest_sha256(gconstpointer data, gsize size, guint8 *out, GError **error)
{
    return drv_load_crypto(error) &&
           (EVP_Digest(data, size, out, NULL, EVP_sha256(), NULL) == 1 ||
            openssl_failed(DRV_DIGEST_SHA256, error));
}

/* --- a stage ------------------------------------------------------------------------ */

typedef struct {
    DrvSource *inner;
    DrvDigest *digest[DRV_DIGEST_LAST]; /* NULL: not demanded */
    char *expected[DRV_DIGEST_LAST];
} Stage;

static void
stage_free(gpointer state)
{
    Stage *self = state;

    for (guint i = 0; i < DRV_DIGEST_LAST; i++) {
        drv_digest_free(self->digest[i]);
        g_free(self->expected[i]);
    }
    drv_source_free(self->inner);
    g_free(self);
}

static gboolean
compare(Stage *self, DrvDigestKind kind, GError **error)
{
    g_autofree char *hex = drv_digest_finish(self->digest[kind], error);

    if (hex == NULL)
        return FALSE;
    if (drv_digest_equal(hex, self->expected[kind]))
        return TRUE;
    return drv_throw(error,
                     DRV_ERROR_REFUSED,
                     "%s of '%s' is %s, expected %s",
                     kinds[kind].name,
                     drv_source_name(self->inner),
                     hex,
                     self->expected[kind]);
}

static gssize
stage_read(gpointer state, guint8 *data, gsize size, GError **error)
{
    Stage *self = state;
    gssize got = drv_source_read(self->inner, data, size, error);

    if (got < 0)
        return -1;
    for (guint i = 0; i < DRV_DIGEST_LAST; i++) {
        if (self->digest[i] == NULL)
            continue;
        if (got > 0)
            drv_digest_update(self->digest[i], data, (gsize)got);
        else if (!compare(self, (DrvDigestKind)i, error))
            return -1;
    }
    return got;
}

static guint64
stage_size(gpointer state)
{
    return drv_source_size_hint(((Stage *)state)->inner);
}

static void
stage_interrupt(gpointer state)
{
    drv_source_interrupt(((Stage *)state)->inner);
}

/* @text without spaces around it, NULL for nothing. */
static char *
clean(const char *text)
{
    g_autofree char *copy = g_strstrip(g_strdup(text ? text : ""));

    return *copy ? g_ascii_strdown(copy, -1) : NULL;
}

static gboolean
set_expected(Stage *self, DrvDigestKind kind, const char *text, GError **error)
{
    g_autofree char *hex = clean(text);

    if (hex == NULL)
        return TRUE;
    if (strlen(hex) != 2 * kinds[kind].size ||
        strspn(hex, "0123456789abcdef") != 2 * kinds[kind].size)
        return drv_throw(error,
                         DRV_ERROR_DUMP,
                         "%s '%s' is not %zu hexadecimal digits",
                         kinds[kind].name,
                         hex,
                         2 * kinds[kind].size);
    self->digest[kind] = drv_digest_new(kind, error);
    self->expected[kind] = g_steal_pointer(&hex);
    return self->digest[kind] != NULL;
}

gboolean
drv_digest_is_expected(const DrvDigestExpected *expected)
{
    for (guint i = 0; i < DRV_DIGEST_LAST; i++) {
        g_autofree char *hex = clean(expected->hex[i]);

        if (hex)
            return TRUE;
    }
    return FALSE;
}

DrvSource *
drv_source_new_digest(DrvSource *inner, const DrvDigestExpected *expected, GError **error)
{
    static const DrvSourceOps ops = { .read = stage_read,
                                      .size = stage_size,
                                      .interrupt = stage_interrupt,
                                      .free = stage_free };
    Stage *self;

    if (!drv_digest_is_expected(expected))
        return inner;
    self = g_new0(Stage, 1);
    self->inner = inner;
    for (guint i = 0; i < DRV_DIGEST_LAST; i++) {
        if (!set_expected(self, (DrvDigestKind)i, expected->hex[i], error)) {
            stage_free(self);
            return NULL;
        }
    }
    return drv_source_new(&ops, self, drv_source_name(inner));
}
