/* SPDX-License-Identifier: Apache-2.0 */
/* rbd/site.h - which cluster and pool an action works at, with whose rights and which
 * limits.  Front-ends fill it in; it travels to the worker as part of a request.  Links
 * nothing of Ceph.
 */
#pragma once

#include "request/request.h"

typedef struct {
    char *user;           /* CEPH_USER without "client."; "": Ceph's default, admin */
    char *key;            /* CEPH_KEY: path of the user's key file; "": the keyring */
    char *conf;           /* CEPH_CONF: path; "": Ceph's default */
    char *pool;           /* POOL_NAME: pool, or pool/namespace */
    char *data_pool;      /* EC_POOL_NAME; "": the same pool */
    guint64 format;       /* RBD_FORMAT: 1 or 2 */
    gboolean trash;       /* CEPH_TRASH: what is removed can be got back for a while */
    guint64 timeout_s;    /* until a cluster that does not answer is given up */
    guint64 lease_s;      /* until a driver that shows no sign of life is dead */
    guint64 max_depth;    /* of images cloned from each other */
    guint64 trash_s;      /* how long what is in the trash stays */
    guint64 remove_mb;    /* data of an image that is removed while the front-end waits */
    guint64 purge_s;      /* for which monitoring may purge the trash */
    guint64 purge_rate;   /* objects a second; 0: no limit */
    guint64 flatten_rate; /* the same */
} DrvRbdSite;

/* Fields of member @site of request @type whose attributes are at XPath prefix @at. */
#define DRV_RBD_SITE_FIELD(type, site, member, ...)                                      \
    {                                                                                    \
        .name = "ceph-" #member, .kind = DRV_KIND_OF(DrvRbdSite, member),                \
        .offset = G_STRUCT_OFFSET(type, site.member), __VA_ARGS__                        \
    }
#define DRV_RBD_SITE_FIELDS(type, site, at)                                              \
    DRV_RBD_SITE_FIELD(type, site, user, .xpath = at "CEPH_USER", .flags = DRV_LINE),    \
        DRV_RBD_SITE_FIELD(type, site, key, .xpath = at "CEPH_KEY", .flags = DRV_PATH),  \
        DRV_RBD_SITE_FIELD(                                                              \
            type, site, conf, .xpath = at "CEPH_CONF", .flags = DRV_PATH),               \
        DRV_RBD_SITE_FIELD(                                                              \
            type, site, pool, .xpath = at "POOL_NAME", .flags = DRV_LINE),               \
        DRV_RBD_SITE_FIELD(                                                              \
            type, site, data_pool, .xpath = at "EC_POOL_NAME", .flags = DRV_LINE),       \
        DRV_RBD_SITE_FIELD(type, site, format, .xpath = at "RBD_FORMAT"),                \
        DRV_RBD_SITE_FIELD(type, site, trash, .xpath = at "CEPH_TRASH"),                 \
        DRV_RBD_SITE_FIELD(type, site, timeout_s),                                       \
        DRV_RBD_SITE_FIELD(type, site, lease_s),                                         \
        DRV_RBD_SITE_FIELD(type, site, max_depth),                                       \
        DRV_RBD_SITE_FIELD(type, site, trash_s),                                         \
        DRV_RBD_SITE_FIELD(type, site, remove_mb),                                       \
        DRV_RBD_SITE_FIELD(type, site, purge_s),                                         \
        DRV_RBD_SITE_FIELD(type, site, purge_rate),                                      \
        DRV_RBD_SITE_FIELD(type, site, flatten_rate)

/* Fill what the request's attributes left empty from datastore/ceph/ceph.conf, on the
 * front-end.  DRV_ERROR_CONFIG.
 */
gboolean drv_rbd_site_complete(DrvRbdSite *site,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Split "pool/image" or "pool/namespace/image": both parts are the caller's.  Refused:
 * empty parts, '@', control characters, names that are too long.
 */
gboolean drv_rbd_site_split(const char *text, char **pool, char **image, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
