/* SPDX-License-Identifier: Apache-2.0 */
/* clone by the store of the host, on the front-end: one action at a time fills the store
 * of one host with one image, and the others wait for it.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/action.h"
#include "base/cancel.h"
#include "base/config.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "source/content.h"
#include "stage/stage.h"
#include "tm/ssh/ssh.h"
#include "transport/dispatch.h"

static int
open_memory(char **path, GError **error)
{
    *path = g_build_filename(drv_action_var_dir(), ".drv-images", NULL);
    return drv_path_make_dir(*path, error);
}

/* Who fills it may need hours: it is waited for as long as it lives. */
static DrvStage *
lock(int memory, const char *path, const TmClone *request, GError **error)
{
    g_autofree char *key = g_strdup_printf("%.16s@%s", request->content, request->host);

    for (;;) {
        g_autoptr(GError) why = NULL;
        DrvStage *stage = drv_stage_open(memory, path, key, &why);

        if (stage || !drv_error_is(why, DRV_ERROR_BUSY)) {
            if (stage == NULL)
                g_propagate_error(error, g_steal_pointer(&why));
            return stage;
        }
        drv_ignore(&why, "another action fetches the image for this host");
        if (!drv_cancel_check(error))
            return NULL;
    }
}

/* --- the action ------------------------------------------------------------------------
 */

static gboolean
ask(TmClone *request, const DrvOp *taker, char **answer, GError **error)
{
    g_clear_pointer(answer, g_free);
    return drv_dispatch(request->host, taker, request, NULL, answer, error);
}

static gboolean
is(const char *answer, const char *what)
{
    return g_strcmp0(answer, what) == 0;
}

static gboolean
take(TmClone *request, const DrvOp *taker, gboolean *done, GError **error)
{
    g_autofree char *path = NULL;
    g_auto(DrvFd) memory = open_memory(&path, error);
    g_autoptr(DrvStage) stage = NULL;
    g_autofree char *answer = NULL;

    if (memory < 0 || !ask(request, taker, &answer, error))
        return FALSE;
    if (is(answer, SSH_STORE_MISSING)) {
        stage = lock(memory, path, request, error);
        if (stage == NULL || !ask(request, taker, &answer, error))
            return FALSE;
    }
    if (is(answer, SSH_STORE_MISSING) && (!ssh_store_fill(memory, path, request, error) ||
                                          !ask(request, taker, &answer, error)))
        return FALSE;
    *done = is(answer, SSH_STORE_DONE);
    if (*done)
        ssh_store_remember(memory, request);
    else
        drv_info(
            "%s does not keep image '%s': %s", request->host, request->source, answer);
    return TRUE;
}

/* Fill in what the image is called in stores; FALSE where it is none for them: it has
 * snapshots, or cannot be read, of which the usual way says more.
 */
static gboolean
name_image(TmClone *request)
{
    g_autofree char *source = drv_path_collapse(request->source);
    g_autofree char *snap = g_strconcat(source, ".snap", NULL);
    g_auto(DrvFd) fd = open(source, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    g_autoptr(GError) why = NULL;
    struct stat info;

    if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) ||
        g_file_test(snap, G_FILE_TEST_EXISTS))
        return FALSE;
    g_free(request->content);
    request->allocated = (guint64)info.st_blocks * 512;
    request->content = drv_content_of(fd, source, &why);
    if (request->content == NULL) {
        request->content = g_strdup("");
        drv_ignore(&why, "the usual way says more");
    }
    return why == NULL && *request->content;
}

gboolean
ssh_store_clone(TmClone *request, const DrvOp *taker, gboolean *done, GError **error)
{
    g_autoptr(DrvConfig) config = drv_config_load("one-native.conf", error);
    gboolean on;

    *done = FALSE;
    if (config == NULL || !drv_config_get_bool(config, "IMAGE_STORE", FALSE, &on, error))
        return FALSE;
    return !on || !name_image(request) || take(request, taker, done, error);
}
