/* SPDX-License-Identifier: Apache-2.0 */
/* The process that lets a quiet guest go on when the one that made it quiet was killed.
 */
#define DRV_ALLOW_VIRT
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/error.h"
#include "virt/agent.h"
#include "virt/freeze.h"
#include "virt/virt-private.h"

#define GUARD_TRIES 600
#define GUARD_PAUSE_MS 1000
#define TIME_TRIES 4
#define TIME_PAUSE_MS 5000

const char drv_freeze_watchdog_variable[] = "DRV_VIRT_GUARD";

/* Undo on a connection of its own; TRUE when there is nothing more to do. */
static gboolean
guard_try(const char *uri, const char *uuid, gboolean frozen)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DrvVirt) virt = drv_virt_open(uri, &error);
    g_autoptr(DrvDomain) domain = virt ? drv_virt_find(virt, uuid, &error) : NULL;
    DrvDomainState state;
    DrvPause pause = DRV_PAUSE_NONE;

    if (domain == NULL)
        return drv_error_is(error, DRV_ERROR_NOT_FOUND);
    if (frozen)
        return drv_freeze_thaw(domain, &error);
    if (!drv_domain_state(domain, &state, &pause, &error))
        return FALSE;
    if (pause != DRV_PAUSE_USER)
        return TRUE;
    return drv_domain_resume(domain, &error);
}

static void
guard_run(char **argv)
{
    gboolean frozen = g_strcmp0(argv[1], "thaw") == 0;
    char word = 0;

    /* A byte: all is well.  The end without one: undo. */
    while (read(DRV_FREEZE_WATCHDOG_FD, &word, 1) < 0 && errno == EINTR)
        ;
    for (guint i = 0; word != 'q' && i < GUARD_TRIES; i++) {
        if (guard_try(argv[2], argv[3], frozen))
            break;
        (void)poll(NULL, 0, GUARD_PAUSE_MS);
    }
}

/* An agent comes up some time after its guest; a domain that is gone needs no clock. */
static void
time_run(char **argv)
{
    for (guint i = 0; i < TIME_TRIES; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(DrvVirt) virt = drv_virt_open(argv[2], &error);
        g_autoptr(DrvDomain) domain = virt ? drv_virt_find(virt, argv[3], &error) : NULL;

        if (domain == NULL && drv_error_is(error, DRV_ERROR_NOT_FOUND))
            return;
        if (domain && drv_agent_sync_time(domain, &error))
            return;
        if (drv_error_is(error, DRV_ERROR_UNSUPPORTED))
            return;
        (void)poll(NULL, 0, TIME_PAUSE_MS);
    }
}

/* The guard is this very program, started again; it never gets as far as main(). */
static void __attribute__((constructor)) guard_entry(int argc, char **argv)
{
    if (argc != 4 || !getenv(drv_freeze_watchdog_variable) ||
        fcntl(DRV_FREEZE_WATCHDOG_FD, F_GETFD) < 0)
        return;
    if (g_strcmp0(argv[1], "time") == 0)
        time_run(argv);
    else
        guard_run(argv);
    _exit(0);
}
