/* SPDX-License-Identifier: Apache-2.0 */
/* virt/virt-private.h - how helpers/virt makes calls of libvirt.
 *
 *     static gboolean
 *     do_reset(DrvVirtCall *call)
 *     {
 *         return virDomainReset(call->domain, 0) >= 0;
 *     }
 *     ...
 *     g_autoptr(DrvVirtCall) call = drv_virt_call_on(domain, do_reset);
 *     return drv_virt_call(call, error);
 *
 * The function runs in a thread of its own.  It may use only @call, which lives as long
 * as either side needs it.
 */
#pragma once

#ifndef DRV_ALLOW_VIRT
#error "only helpers/virt may include this"
#endif

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "virt/virt.h"
#include "virt/watch.h"

#define DRV_VIRT_NO_DEADLINE G_MAXUINT

/* A call of the agent may take longer than the agent's own time: libvirt waits up to 30 s
 * until another's question is through, and says so then.
 */
#define DRV_VIRT_AGENT_SLACK_MS 35000

/* What libvirt's callbacks may touch after the connection is gone; an atomic rc box. */
typedef struct {
    int closed_fd; /* eventfd: readable once the connection is lost */
} DrvVirtLife;

struct DrvVirt {
    gint refs;
    virConnectPtr conn;
    char *uri;
    guint timeout_ms;
    DrvVirtLife *life;
    int anchor_id;  /* of a registration that stays; -1: none, see virt/watch.c */
    gboolean stuck; /* a call did not come back */
    gboolean local; /* state lives in this process: test:, embed */
};

struct DrvDomain {
    DrvVirt *virt;
    virDomainPtr domain;
    char *id;
    char *uuid;
    char *name;
};

typedef struct DrvVirtCall DrvVirtCall;
typedef gboolean (*DrvVirtCallRun)(DrvVirtCall *call);

struct DrvVirtCall {
    gint refs;
    DrvVirt *virt; /* a reference, or NULL while opening */
    DrvVirtCallRun run;
    DrvVirtCallRun abort; /* makes run end early; NULL: it cannot */
    guint timeout_ms;
    int other_fd;        /* of a second connection that it needs: closed_fd; or -1 */
    virDomainPtr domain; /* a reference */

    /* what goes in */
    const char *what; /* "save the domain", for messages; static */
    char *text;
    char *text2;
    char *text3;
    guint64 number;
    unsigned flags;
    virTypedParameterPtr params;
    int n_params;
    gpointer in; /* anything else; with in_free */
    GDestroyNotify in_free;

    /* what comes out */
    char *out_text;
    gpointer out; /* taken by the caller; lost when the caller no longer waits */
    gint64 out_number;
    int out_number2;

    /* how it ended */
    gboolean ok;
    int code;      /* virErrorNumber */
    char *message; /* libvirt's */
    int done_fd;
};

DrvVirtCall *drv_virt_call_new(DrvVirt *virt, const char *what, DrvVirtCallRun run);
DrvVirtCall *drv_virt_call_on(DrvDomain *domain, const char *what, DrvVirtCallRun run);
DrvVirtCall *drv_virt_call_ref(DrvVirtCall *call);
void drv_virt_call_free(DrvVirtCall *call);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvVirtCall, drv_virt_call_free)

/* Run it and wait; FALSE with @error.  call->code distinguishes the cases. */
gboolean drv_virt_call(DrvVirtCall *call, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Keep libvirt's last error in @call: what runs calls it before it frees something of
 * libvirt's, which forgets the error.
 */
void drv_virt_call_note(DrvVirtCall *call);

/* Call like drv_virt_call(); as long as a block job is in the way, wait for it to end, up
 * to 15 s.  @watch: the caller's own for block jobs, since libvirt allows only one of a
 * kind per domain, or NULL.
 */
gboolean drv_virt_call_patiently(DrvDomain *domain,
                                 DrvWatch *watch,
                                 DrvVirtCall *call,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

DrvVirt *drv_virt_ref(DrvVirt *virt);
/* State and pause of a record of statistics, if it has them. */
void drv_virt_take_state(const virDomainStatsRecord *record,
                         DrvDomainState *state,
                         DrvPause *pause);
/* Takes @raw over. */
DrvDomain *drv_domain_wrap(DrvVirt *virt, const char *id, virDomainPtr raw);

/* The watchdog of virt/freeze.c: this program, started with that variable set and the end
 * of a pipe at this descriptor.
 */
#define DRV_FREEZE_WATCHDOG_FD 3
extern const char drv_freeze_watchdog_variable[];
