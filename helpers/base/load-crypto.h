/* SPDX-License-Identifier: Apache-2.0 */
/* base/load-crypto.h - OpenSSL's libcrypto, loaded when it is first needed: see
 * base/load.h.
 *
 * Only what digests need.
 */
#pragma once

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/load.h"

#define DRV_CRYPTO_FUNCTIONS(_)                                                          \
    _(CRYPTO_memcmp)                                                                     \
    _(EVP_Digest)                                                                        \
    _(EVP_DigestFinal_ex)                                                                \
    _(EVP_DigestInit_ex)                                                                 \
    _(EVP_DigestUpdate)                                                                  \
    _(EVP_MD_CTX_free)                                                                   \
    _(EVP_MD_CTX_new)                                                                    \
    _(EVP_md5)                                                                           \
    _(EVP_sha1)                                                                          \
    _(EVP_sha256)                                                                        \
    _(HMAC)

typedef struct {
    DRV_CRYPTO_FUNCTIONS(DRV_LOAD_MEMBER)
} DrvCryptoFunctions;
extern DrvCryptoFunctions drv_crypto;

#define CRYPTO_memcmp drv_crypto.CRYPTO_memcmp
#define EVP_Digest drv_crypto.EVP_Digest
#define EVP_DigestFinal_ex drv_crypto.EVP_DigestFinal_ex
#define EVP_DigestInit_ex drv_crypto.EVP_DigestInit_ex
#define EVP_DigestUpdate drv_crypto.EVP_DigestUpdate
#define EVP_MD_CTX_free drv_crypto.EVP_MD_CTX_free
#define EVP_MD_CTX_new drv_crypto.EVP_MD_CTX_new
#define EVP_md5 drv_crypto.EVP_md5
#define EVP_sha1 drv_crypto.EVP_sha1
#define EVP_sha256 drv_crypto.EVP_sha256
#define HMAC drv_crypto.HMAC
