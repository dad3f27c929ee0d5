/* SPDX-License-Identifier: Apache-2.0 */
/* source/digest.h - checksums: of streams as they pass by, of files, of parts.
 *
 * Digests are written as lower case hexadecimal; expected ones are taken in either case
 * and with spaces around them.  They are made by OpenSSL's EVP, which uses what the
 * processor has for them; DRV_ERROR_FAILED when it lacks the algorithm, as MD5 under some
 * policies.
 */
#pragma once

#include <glib.h>

#include "source/source.h"

typedef enum {
    DRV_DIGEST_MD5,
    DRV_DIGEST_SHA1,
    DRV_DIGEST_SHA256,
    DRV_DIGEST_LAST
} DrvDigestKind;

/* What the bytes must have; NULL or "" where nothing is demanded. */
typedef struct {
    const char *hex[DRV_DIGEST_LAST];
} DrvDigestExpected;

/* TRUE when @expected demands anything. */
gboolean drv_digest_is_expected(const DrvDigestExpected *expected);

/* Passes @inner (taken, freed on failure too) through and hashes it.  At its end the
 * stream fails with DRV_ERROR_REFUSED "MD5 of '<name>' is X, expected Y".  An expected
 * value that cannot be one (length, not hexadecimal) is DRV_ERROR_DUMP right away.
 * Without any demand @inner itself is returned.
 */
DrvSource *drv_source_new_digest(DrvSource *inner,
                                 const DrvDigestExpected *expected,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* One digest, in parts. */
typedef struct DrvDigest DrvDigest;
DrvDigest *drv_digest_new(DrvDigestKind kind, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void drv_digest_free(DrvDigest *digest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvDigest, drv_digest_free)
/* A failure is reported by drv_digest_finish(). */
void drv_digest_update(DrvDigest *digest, gconstpointer data, gsize size);
/* The hexadecimal text, or NULL; the digest is finished by that.  Caller frees. */
char *drv_digest_finish(DrvDigest *digest, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The digest of all of @fd (pread, its offset stays), or NULL.  @name for messages. */
char *drv_digest_fd(int fd, DrvDigestKind kind, const char *name, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* TRUE when the two texts are the same digest; case does not matter. */
gboolean drv_digest_equal(const char *a, const char *b);

/* SHA-256 of a block; DRV_SHA256_SIZE bytes to @out. */
#define DRV_SHA256_SIZE 32
gboolean drv_digest_sha256(gconstpointer data, gsize size, guint8 *out, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
