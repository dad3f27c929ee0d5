/* SPDX-License-Identifier: Apache-2.0 */
/* source/fetch.h - open what an image's PATH names, wherever it is (storage protocol
 * §2.2).
 *
 *   /absolute/path               a local file; better: the descriptor that was checked
 *   http://…  https://…          libcurl; certificates are verified
 *   ssh://[user@]host:path       the rest after the colon is the path (relative: to the
 *   ssh://[user@]host/path       home there); second form: an absolute path
 *   s3://…/bucket/object         the last two components; keys from the request
 *
 * http: redirects go to http(s) only, at most ten.  A connection that fails, and a 5xx or
 * 429, is tried three times more before the first byte.  A transfer that breaks off or
 * stalls is resumed where it was if the server has the same object still (ETag or date,
 * and length); if it cannot prove that, the transfer fails.  A body shorter than promised
 * is never an end of stream.
 *
 * ssh: we run the admin's ssh (his configuration, keys, agent and host keys hold) with
 * the sftp subsystem, `ssh -s HOST sftp`, and speak the reading part of the SFTP protocol
 * (draft-ietf-secsh-filexfer-02) ourselves, with 64 requests under way.  So no shell sees
 * the path.  A user's URL (policy) may only name the hosts that a setting names, and the
 * path that the host says it leads to must be allowed.  libcurl's own sftp knows nothing
 * of ssh_config and is not part of many builds; the sftp program wants a file to write
 * to.
 *
 * s3: AWS Signature Version 4 in headers.
 *
 * Messages are "cannot fetch '<url>': <reason>"; user, password and query of a URL are
 * never in them, nor are keys.  Codes: NOT_FOUND (404, no such file), PERMISSION (401,
 * 403), TIMEOUT, REFUSED (scheme), CANCELLED, else FAILED or COMMAND.
 */
#pragma once

#include <glib.h>

#include "source/source.h"

/* Keys of an object store.  All borrowed; NULL where not set. */
typedef struct {
    const char *access_key_id;
    const char *secret_access_key;
    const char *region; /* NULL: us-east-1 */
    const char
        *endpoint; /* "https://minio:9000", "host:port" (https); needed unless aws */
    gboolean aws;  /* amazon: bucket.s3.REGION.amazonaws.com, no endpoint */
} DrvFetchS3;

/* What a user's URL may name: see SECURITY.md.  All borrowed; lists may be NULL. */
typedef struct {
    const char *const *ssh_hosts; /* "[user@]host" of ssh:// as it is to be written */
    const char *const *safe_dirs; /* for the path there: base/path.h */
    const char *const *restricted_dirs;
} DrvFetchPolicy;

/* "Not allowed to copy image from %s, …": what stock says, and the one answer for a path
 * that may not be read, whether it is there or not.
 */
#define DRV_FETCH_NOT_ALLOWED                                                            \
    "Not allowed to copy image from %s, check RESTRICTED_DIRS in your datastore"

typedef struct {
    const char *url;        /* as above; needed */
    int fd;                 /* a local file opened by the caller (stays his; it is
                             * duplicated), in place of opening url; -1: none */
    const char *limit_rate; /* bytes per second as curl writes it, "500k", "2m"; http and
                             * s3 only; NULL or "": no limit */
    const DrvFetchS3 *s3;   /* for s3:// */
    const DrvFetchPolicy *policy; /* NULL: the URL is not a user's */
    gboolean insecure;        /* do not verify certificates: only if the admin said so */
    gboolean no_retry;        /* one try, no resumption */
    guint connect_timeout_ms; /* 0: 30 s */
    guint stall_timeout_ms;   /* no byte for so long is a break; 0: 60 s */
    guint64 min_rate;     /* bytes a second, over each stall timeout; less is a break.  0:
                           * 4096;     never more than half of limit_rate */
    guint retry_delay_ms; /* before the first retry, doubled each time; 0: 1 s */
} DrvFetchRequest;
#define DRV_FETCH_REQUEST_INIT                                                           \
    {                                                                                    \
        .fd = -1                                                                         \
    }

typedef enum {
    DRV_FETCH_PATH,
    DRV_FETCH_HTTP,
    DRV_FETCH_SSH,
    DRV_FETCH_S3,
    DRV_FETCH_UNKNOWN, /* another scheme, or neither a URL nor an absolute path */
} DrvFetchScheme;

DrvFetchScheme drv_fetch_scheme(const char *url);

/* @url without user, password, query and fragment; caller frees. */
char *drv_fetch_display_name(const char *url);

/* Begin.  Returns once the origin has answered, so that a missing object fails here and
 * the size hint is known (if the origin tells).  Copies what it needs of @request.
 */
DrvSource *drv_fetch_open(const DrvFetchRequest *request,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Check a LIMIT_TRANSFER_BW ("2m", "500k", "1048576") and give bytes per second;
 * NULL and "" are 0, no limit.  DRV_ERROR_DUMP otherwise.
 */
gboolean drv_fetch_parse_rate(const char *text,
                              guint64 *bytes_per_second,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
