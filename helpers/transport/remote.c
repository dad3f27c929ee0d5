/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/remote.h"

#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "base/action.h"
#include "base/answer.h"
#include "base/cancel.h"
#include "base/config.h"
#include "base/error.h"
#include "base/log.h"
#include "base/path.h"
#include "base/status.h"
#include "transport/build.h"
#include "transport/dispatch.h"
#include "transport/push-worker.h"
#include "transport/session.h"
#include "transport/ssh.h"

#define REUSED_HELLO_MS 5000 /* over a connection that is up, a hello takes 15 ms */
#define TURNED_AWAY_TRIES 8
#define TURNED_AWAY_WAIT_MS 2000 /* at most, between two tries */

static const char *const programs[] = {
    [DRV_WORKER_PLAIN] = "drv/bin/worker",
    [DRV_WORKER_VIRT] = "drv/bin/worker-virt",
    [DRV_WORKER_RBD] = "drv/bin/worker-rbd",
};

/* What came of an attempt to get a worker that can take the request. */
typedef enum {
    HELLO_OK,
    HELLO_FAILED,      /* @error is set, no use in trying again */
    HELLO_UNREACHABLE, /* @error is set; a shared connection may be the reason */
    HELLO_TURNED_AWAY, /* @error is set; sshd has too many unauthenticated connections at
                          the moment */
    HELLO_NO_WORKER,   /* missing, stale or not runnable; @error is set */
} Hello;

struct DrvRemote {
    DrvSsh ssh;
    DrvSession talk;
    char *dir;          /* the host's remotes */
    const char *worker; /* below it */
    gboolean reused;    /* the connection was there already */
    gboolean here;      /* no ssh */
    gboolean greeted;   /* the worker has said hello */
};

/* --- where the worker is ---------------------------------------------------------------
 */

/* The path becomes part of a command line that the host's login shell reads. */
static gboolean
is_plain_path(const char *path)
{
    gboolean ok = *path == '/';

    for (const char *at = path; *at && ok; at++)
        ok = g_ascii_isalnum(*at) || strchr("/._-+", *at);
    return ok;
}

static char *
host_remotes_dir(GError **error)
{
    g_autofree char *file = g_build_filename(drv_action_var_dir(), "config", NULL);
    g_autofree char *text = NULL;
    g_autoptr(DrvConfig) config = NULL;
    const char *dir = "/var/tmp/one";

    if (g_file_get_contents(file, &text, NULL, NULL)) {
        config = drv_config_parse(file, text, error);
        if (config == NULL)
            return NULL;
        dir = drv_config_get(config, "SCRIPTS_REMOTE_DIR", dir);
    }
    if (!is_plain_path(dir)) {
        (void)drv_throw(
            error,
            DRV_ERROR_CONFIG,
            "%s: SCRIPTS_REMOTE_DIR '%s' has characters that a shell would read",
            file,
            dir);
        return NULL;
    }
    return g_strdup(dir);
}

/* --- hello
 * ------------------------------------------------------------------------------ */

static Hello
judge_hello(const DrvFrame *frame, const char *host, GError **error)
{
    g_autofree char *text = drv_frame_text(frame);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    struct utsname here;

    if (frame->type != DRV_FRAME_HELLO || lines[0] == NULL) {
        (void)drv_throw(
            error, DRV_ERROR_REMOTE, "the worker on %s did not send a hello", host);
        return HELLO_FAILED;
    }
    if (strcmp(lines[0], drv_build()) == 0)
        return HELLO_OK;
    if (uname(&here) < 0 || g_strcmp0(lines[1], here.machine) == 0) {
        (void)drv_throw(error,
                        DRV_ERROR_REMOTE,
                        "the worker on %s is of build %s, not %s",
                        host,
                        lines[0],
                        drv_build());
        return HELLO_NO_WORKER;
    }
    (void)drv_throw(
        error,
        DRV_ERROR_REMOTE,
        "no worker of this build for %s on %s, install its package there (%s, not %s)",
        lines[1] ? lines[1] : "?",
        host,
        lines[0],
        drv_build());
    return HELLO_FAILED;
}

/* Above its MaxStartups, sshd hangs up on some of those who call. */
static gboolean
is_turned_away(const char *said)
{
    static const char *const signs[] = { "Connection closed by ",
                                         "Connection reset by ",
                                         "kex_exchange_identification: " };

    for (guint i = 0; i < G_N_ELEMENTS(signs); i++) {
        if (strstr(said, signs[i]))
            return TRUE;
    }
    return FALSE;
}

/* The stream ended before a hello: the exit status tells what ended it. */
static Hello
judge_end(DrvSession *talk, const char *host, gboolean reused, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(GError) said = NULL;
    const char *heard;
    int status = 0;
    int code;

    if (!drv_session_status(talk, &status, &why)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return drv_error_is(*error, DRV_ERROR_CANCELLED) ? HELLO_FAILED
                                                         : HELLO_UNREACHABLE;
    }
    code = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
    heard = drv_session_stderr(talk);
    if (code == 255 && *heard == '\0') /* of a program that was killed, too */
        (void)drv_throw(
            &said, DRV_ERROR_REMOTE, "ssh: the program or the connection was killed");
    else if (drv_cmd_check("ssh", status, heard, &said))
        (void)drv_throw(&said, DRV_ERROR_REMOTE, "ssh: ended without an answer");
    (void)drv_throw(error, DRV_ERROR_REMOTE, "%s: %s", host, said->message);
    if (code == 255 && (reused || *heard))
        return is_turned_away(heard) ? HELLO_TURNED_AWAY : HELLO_UNREACHABLE;
    return HELLO_NO_WORKER; /* damaged: shells end with what not, or run it as a script */
}

static Hello
wait_hello(DrvRemote *remote, guint timeout_ms, GError **error)
{
    DrvSession *talk = &remote->talk;
    g_autoptr(GError) why = NULL;
    DrvFrame frame;

    if (drv_session_next(talk, timeout_ms, &frame, &why)) {
        drv_ssh_established(&remote->ssh);
        return judge_hello(&frame, remote->ssh.host, error);
    }
    if (drv_error_is(why, DRV_ERROR_REMOTE) && drv_session_was_silent(talk))
        return judge_end(talk, remote->ssh.host, remote->reused, error);
    g_propagate_error(error, g_steal_pointer(&why));
    return drv_error_is(*error, DRV_ERROR_TIMEOUT) ? HELLO_UNREACHABLE : HELLO_FAILED;
}

/* Over a connection that is there, or by an ssh that opens one. */
static gboolean
start(DrvRemote *remote, GError **error)
{
    g_autofree char *worker = g_strconcat(remote->dir, "/", remote->worker, NULL);
    g_autofree char *command =
        g_strdup_printf("%s %s %03o", worker, drv_build(), (guint)drv_path_umask());
    g_autoptr(DrvCmd) cmd = NULL;

    remote->reused = drv_ssh_is_reused(&remote->ssh);
    if (remote->reused) {
        g_autoptr(GError) why = NULL;

        if (drv_session_start_over(
                &remote->talk, remote->ssh.control_path, command, remote->ssh.host, &why))
            return TRUE;
        drv_ignore(&why, "ssh is left to see to it");
        drv_session_drop(&remote->talk);
    }
    cmd = drv_ssh_cmd(&remote->ssh, "ssh", NULL);
    drv_cmd_arg(cmd, command);
    return drv_session_start(&remote->talk, cmd, remote->ssh.host, error);
}

/* One attempt; on HELLO_OK the talk is ready for the request. */
static Hello
greet(DrvRemote *remote, GError **error)
{
    Hello hello;

    if (!drv_session_is_started(&remote->talk) && !start(remote, error))
        return HELLO_FAILED;
    hello = wait_hello(remote,
                       remote->reused ? REUSED_HELLO_MS
                                      : (remote->ssh.connect_timeout_s + 10) * 1000,
                       error);
    if (hello != HELLO_OK)
        drv_session_clear(&remote->talk);
    if (hello == HELLO_TURNED_AWAY && remote->reused)
        return HELLO_UNREACHABLE;
    if (hello == HELLO_UNREACHABLE && !remote->reused)
        return HELLO_FAILED;
    return hello;
}

/* Try again for some seconds while sshd turns us away, with random back-off: others do so
 * too. */
static Hello
greet_patiently(DrvRemote *remote, GError **error)
{
    g_autoptr(GError) why = NULL;
    Hello hello = greet(remote, &why);
    guint wait_ms = 200;

    for (guint i = 1; i < TURNED_AWAY_TRIES && hello == HELLO_TURNED_AWAY; i++) {
        drv_ignore(&why, "another try is made");
        if (drv_poll(NULL, 0, g_random_int_range(wait_ms / 2, wait_ms), &why) < 0) {
            hello = HELLO_FAILED;
            break;
        }
        hello = greet(remote, &why);
        wait_ms = MIN(2 * wait_ms, TURNED_AWAY_WAIT_MS);
    }
    if (hello != HELLO_OK)
        g_propagate_error(error, g_steal_pointer(&why));
    return hello == HELLO_TURNED_AWAY ? HELLO_FAILED : hello;
}

static Hello
replace_worker(DrvRemote *remote, const GError *reason, GError **error)
{
    if (drv_push_worker(&remote->ssh, remote->dir, remote->worker, error))
        return greet(remote, error);
    if (!drv_error_is(*error, DRV_ERROR_CANCELLED))
        (void)drv_enclose(error,
                          "no worker on %s, run 'onehost sync --force %s' (%s), and it "
                          "cannot be installed",
                          remote->ssh.host,
                          remote->ssh.host,
                          reason->message);
    return HELLO_FAILED;
}

/* Get a worker that listens, replacing once a dead connection and once the worker. */
static gboolean
connect_worker(DrvRemote *remote, GError **error)
{
    const char *host = remote->here ? "this machine" : remote->ssh.host;
    g_autoptr(GError) why = NULL;
    Hello hello;
    DRV_STATUS_WAIT("link");

    if (remote->here) {
        DrvFrame frame;

        return drv_session_next(&remote->talk, REUSED_HELLO_MS, &frame, error) &&
               judge_hello(&frame, host, error) == HELLO_OK;
    }
    hello = greet_patiently(remote, &why);
    if (hello == HELLO_UNREACHABLE) {
        drv_ignore(&why, "the shared connection is dead, a new one is tried");
        drv_ssh_forget(&remote->ssh);
        hello = greet_patiently(remote, &why);
    }
    if (hello == HELLO_NO_WORKER) {
        g_autoptr(GError) reason = g_steal_pointer(&why);

        drv_info("installing the worker on %s: %s", host, reason->message);
        hello = replace_worker(remote, reason, &why);
    }
    if (hello == HELLO_OK)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    if (hello == HELLO_NO_WORKER)
        (void)drv_enclose(error,
                          "no worker on %s, run 'onehost sync --force %s' or install the "
                          "package for its machine",
                          host,
                          host);
    return FALSE;
}

/* No request was sent yet, so that the caller may go to another host. */
static gboolean
nothing_begun(GError **error)
{
    if (error && *error && !drv_error_is(*error, DRV_ERROR_CANCELLED) &&
        !drv_error_is(*error, DRV_ERROR_USAGE) && !drv_error_is(*error, DRV_ERROR_CONFIG))
        (*error)->code = DRV_ERROR_NO_HOST;
    return FALSE;
}

/* A connection that nothing was asked of is just given up. */
void
drv_remote_free(DrvRemote *remote)
{
    if (remote == NULL)
        return;
    if (!remote->greeted)
        drv_session_drop(&remote->talk);
    drv_session_clear(&remote->talk);
    drv_ssh_clear(&remote->ssh);
    g_free(remote->dir);
    g_free(remote);
}

/* A worker on this machine is a child like any other, without ssh. */
static gboolean
start_here(DrvRemote *remote, GError **error)
{
    g_autofree char *path =
        g_build_filename(drv_action_remotes_dir(), remote->worker, NULL);
    g_autoptr(DrvCmd) cmd = drv_cmd_new(path, drv_build(), NULL);

    drv_cmd_keep_env(cmd, "SSH_AUTH_SOCK");
    return drv_session_start(&remote->talk, cmd, "this machine", error);
}

static DrvRemote *
open_remote(const char *host, DrvWorker worker, gboolean agent, GError **error)
{
    g_autoptr(DrvRemote) remote = g_new0(DrvRemote, 1);

    remote->talk = (DrvSession)DRV_SESSION_INIT;
    remote->ssh = (DrvSsh)DRV_SSH_INIT;
    remote->worker = programs[worker];
    remote->dir = host_remotes_dir(error);
    remote->here = drv_dispatch_is_here(host);
    if (remote->dir == NULL)
        return NULL;
    if (remote->here ? start_here(remote, error)
                     : ((agent ? drv_ssh_open_with_agent(&remote->ssh, host, error)
                               : drv_ssh_open(&remote->ssh, host, error)) &&
                        start(remote, error)))
        return g_steal_pointer(&remote);
    (void)nothing_begun(error);
    return NULL;
}

DrvRemote *
drv_remote_open(const char *host, DrvWorker worker, GError **error)
{
    return open_remote(host, worker, FALSE, error);
}

DrvRemote *
drv_remote_open_with_agent(const char *host, DrvWorker worker, GError **error)
{
    return open_remote(host, worker, TRUE, error);
}

gboolean
drv_remote_run(DrvRemote *remote,
               const char *name,
               GVariant *fields,
               DrvSource *in,
               char **result,
               GError **error)
{
    g_autoptr(GVariant) packed = g_variant_ref_sink(fields);

    if (!connect_worker(remote, error))
        return nothing_begun(error);
    remote->greeted = TRUE;
    return drv_session_run(&remote->talk, name, packed, in, result, error);
}

/* The worker says itself whether it can. */
static gboolean
prepare_answer(gpointer state, GError **error)
{
    (void)state, (void)error;
    return TRUE;
}

static gboolean
keep_answered(gpointer state, GError **error)
{
    DrvRemote *remote = state;

    return drv_session_confirm(&remote->talk, error) ||
           drv_prefix(error, "the answer is out, but nothing stays of it");
}

static void
free_answered(gpointer state)
{
    drv_remote_free(state);
}

gboolean
drv_remote_confirm(DrvRemote *remote, GError **error)
{
    return !remote->talk.prepared || drv_session_confirm(&remote->talk, error);
}

void
drv_remote_leave_to_answer(DrvRemote *remote)
{
    static const DrvAnswerOps ops = {
        .prepare = prepare_answer,
        .keep = keep_answered,
        .free = free_answered,
    };

    if (remote->talk.prepared)
        drv_answer_hold(&ops, remote);
    else
        drv_remote_free(remote);
}

gboolean
drv_remote_converse(DrvRemote *remote,
                    const char *name,
                    GVariant *fields,
                    DrvPeerTalk talk,
                    gpointer data,
                    char **result,
                    GError **error)
{
    g_autoptr(GVariant) packed = g_variant_ref_sink(fields);

    if (!connect_worker(remote, error))
        return nothing_begun(error);
    remote->greeted = TRUE;
    return drv_session_converse(&remote->talk, name, packed, talk, data, result, error);
}

gboolean
drv_remote_run_here(DrvWorker worker,
                    const char *name,
                    GVariant *fields,
                    DrvSource *in,
                    char **result,
                    GError **error)
{
    g_autoptr(DrvRemote) remote = drv_remote_open("", worker, error);

    if (remote == NULL) {
        g_variant_unref(g_variant_ref_sink(fields));
        return FALSE;
    }
    if (!drv_remote_run(remote, name, fields, in, result, error))
        return FALSE;
    drv_remote_leave_to_answer(g_steal_pointer(&remote));
    return TRUE;
}
