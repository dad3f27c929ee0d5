/* SPDX-License-Identifier: Apache-2.0 */
/* base/load-crypto.h - OpenSSL's libcrypto, loaded when it is first needed: see
 * base/load.h.
 *
 * Only what digests and messages for the monitor need.  No program links it: that would
 * cost each start 2 ms, as much as all the rest.
 */
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/load.h"

#define DRV_CRYPTO_FUNCTIONS(_)                                                          \
    _(BIO_free)                                                                          \
    _(BIO_new_mem_buf)                                                                   \
    _(EVP_Digest)                                                                        \
    _(EVP_DigestFinal_ex)                                                                \
    _(EVP_DigestInit_ex)                                                                 \
    _(EVP_DigestUpdate)                                                                  \
    _(EVP_MD_CTX_free)                                                                   \
    _(EVP_MD_CTX_new)                                                                    \
    _(EVP_PKEY_CTX_free)                                                                 \
    _(EVP_PKEY_CTX_new)                                                                  \
    _(EVP_PKEY_CTX_set_rsa_padding)                                                      \
    _(EVP_PKEY_encrypt)                                                                  \
    _(EVP_PKEY_encrypt_init)                                                             \
    _(EVP_PKEY_free)                                                                     \
    _(EVP_PKEY_get_size)                                                                 \
    _(EVP_md5)                                                                           \
    _(EVP_sha1)                                                                          \
    _(EVP_sha256)                                                                        \
    _(PEM_read_bio_PUBKEY)

typedef struct {
    DRV_CRYPTO_FUNCTIONS(DRV_LOAD_MEMBER)
} DrvCryptoFunctions;
extern DrvCryptoFunctions drv_crypto;

#define BIO_free drv_crypto.BIO_free
#define BIO_new_mem_buf drv_crypto.BIO_new_mem_buf
#define EVP_Digest drv_crypto.EVP_Digest
#define EVP_DigestFinal_ex drv_crypto.EVP_DigestFinal_ex
#define EVP_DigestInit_ex drv_crypto.EVP_DigestInit_ex
#define EVP_DigestUpdate drv_crypto.EVP_DigestUpdate
#define EVP_MD_CTX_free drv_crypto.EVP_MD_CTX_free
#define EVP_MD_CTX_new drv_crypto.EVP_MD_CTX_new
#define EVP_PKEY_CTX_free drv_crypto.EVP_PKEY_CTX_free
#define EVP_PKEY_CTX_new drv_crypto.EVP_PKEY_CTX_new
#define EVP_PKEY_CTX_set_rsa_padding drv_crypto.EVP_PKEY_CTX_set_rsa_padding
#define EVP_PKEY_encrypt drv_crypto.EVP_PKEY_encrypt
#define EVP_PKEY_encrypt_init drv_crypto.EVP_PKEY_encrypt_init
#define EVP_PKEY_free drv_crypto.EVP_PKEY_free
#define EVP_PKEY_get_size drv_crypto.EVP_PKEY_get_size
#define EVP_md5 drv_crypto.EVP_md5
#define EVP_sha1 drv_crypto.EVP_sha1
#define EVP_sha256 drv_crypto.EVP_sha256
#define PEM_read_bio_PUBKEY drv_crypto.PEM_read_bio_PUBKEY
