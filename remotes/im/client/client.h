/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - the monitoring client of a host: start-up, and the loops that follow it.
 *
 *   monitord-client kvm HID HOST < configuration      5.12 to 7.x: prints the first pass,
 *                                                     then stays as a daemon
 *   monitord-client kvm HID HOST --stay ADDRESS 3<configuration     that daemon
 *   monitord-client kvm DS PORT PERIOD HID HOST       up to 5.10: see collect.c
 *
 * Virtual machine protocol, sections 3.1, 3.2, 3.5 and 3.6.
 */
#pragma once

#include "im/base/im.h"

/* One type of message: what it is made of, and when. */
typedef struct {
    const char *message;    /* "BEACON_HOST" */
    const char *dir;        /* "host/beacon" */
    const char *period;     /* its name in the configuration; NULL: always default_s */
    guint default_s;        /* seconds */
    gboolean tcp;           /* always by a connection */
    gboolean in_first_pass; /* reported in the answer to START_MONITOR */
    gboolean kept;          /* said once only by its probes: sent later if not now */
} ImKind;

extern const ImKind im_kinds[]; /* ends with a message of NULL; the first is STATE_VM */

typedef struct {
    char *hypervisor, *host_id, *host_name;
    char *config;  /* XML as it came */
    char *address; /* of the front-end */
    guint16 port;
    char *public_key; /* PEM, or NULL */
    char *self;       /* path of this program */
} ImClient;

void im_client_clear(ImClient *client);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ImClient, im_client_clear)

/* Take over what @config says; @address NULL: as it says. */
gboolean im_client_configure(ImClient *client,
                             const char *config,
                             const char *address,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A context for one of the loops. */
ImContext *im_client_context(const ImClient *client, GError **error);

/* PEM whose line breaks became spaces, made whole; NULL for "".  Caller frees. */
char *im_repair_pem(const char *text);

/* Run all probes of a directory; their output.  The first that fails is an error. */
gboolean im_run_dir(ImContext *im,
                    const ImClient *client,
                    const char *dir,
                    GString *out,
                    GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The probe of ours that the executable @path is, or NULL: a stranger's. */
const ImProbe *im_builtin(const char *path);

/* Run @names in the directory @path below <remotes>/im, as processes, with @config on
 * stdin and @argv behind their names.
 */
gboolean im_run_programs(const char *path,
                         const char *const *argv,
                         const char *config,
                         GString *out,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Executables of a directory in the order they run; caller frees. */
GPtrArray *im_executables(const char *path);
/* One of them. */
gboolean im_run_program(const char *path,
                        const char *const *argv,
                        const char *config,
                        GString *out,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Send a message with the present time; nothing is sent of an empty text. */
gboolean im_client_send(const ImClient *client,
                        const ImKind *kind,
                        gboolean failed,
                        const char *text,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The answer to START_MONITOR, as XML; caller frees. */
char *im_first_pass(const ImClient *client, GError **error);

/* End the clients of this host's number that run, this process not counted. */
gboolean im_end_clients(const char *host_id, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Start this program again as a daemon. */
gboolean im_client_detach(const ImClient *client,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The daemon's life; ends with FALSE when told to stop. */
gboolean im_client_stay(ImClient *client, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The loop of STATE_VM: events and a look now and then; @wake_fd gets SIGUSR1. */
gboolean im_watch_states(const ImClient *client,
                         int signal_fd,
                         int system_fd,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* So many calls of libvirt that never came back, each with a thread of its own: begin
 * again. */
#define IM_MAX_STUCK_CALLS 5
/* Seconds to wait after so many failures in a row. */
guint im_back_off(guint failures);

/* Up to 5.10: start the daemon, or be it. */
gboolean
im_collect_start(int argc, char **argv, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean im_collect_stay(int argc, char **argv, GError **error) G_GNUC_WARN_UNUSED_RESULT;
