/* SPDX-License-Identifier: Apache-2.0 */
/* guest.h - what guests' agents are asked.  Everything that comes back is the guest's
 * word: it is bounded here, and quoted where it is written.
 */
#pragma once

#include "im/base/im.h"
#include "virt/virt.h"

#define GUEST_TIMEOUT_S 5

typedef struct {
    char *name;
    char *text; /* JSON, with $vm_id in it; NULL: see wrong */
    guint timeout_s;
    char *wrong; /* why it cannot be asked */
} GuestCommand;

/* What guestagent.conf wants asked (6.10). */
typedef struct {
    gboolean enabled;
    GPtrArray *commands; /* GuestCommand */
} GuestConf;

void guest_conf_load(GuestConf *conf);
void guest_conf_clear(GuestConf *conf);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GuestConf, guest_conf_clear)

/* Ask all of them; one line each, an answer or why there is none. */
void
guest_ask_commands(const GuestConf *conf, DrvDomain *domain, gint64 id, GString *out);
/* The same lines, of an agent that is known not to answer. */
void guest_say_wrong(const GuestConf *conf, const char *why, GString *out);
/* And of a front-end whose admin has them off. */
void guest_say_disabled(const GuestConf *conf, GString *out);

/* Lines OS_ID … and GUEST_IP_ADDRESSES from what drv_agent_facts() returned. */
void guest_say_os(GHashTable *facts, GString *out);
/* FALSE when there are none. */
gboolean guest_say_addresses(GHashTable *facts, GString *out);

/* TRUE when "vendor:device:class,…" has an NVIDIA graphics processor. */
gboolean guest_devices_have_gpu(const char *devices);
/* Lines GPU_COUNT … from what nvidia-smi printed; nothing from anything else. */
void guest_say_gpus(const char *csv, GString *out);

/* What is known of a guest. */
typedef struct {
    gint64 asked; /* monotonic, us */
    gint64 due;
    guint wait_s;
    gboolean silent; /* its agent did not answer */
    char *os;        /* lines; NULL: not known */
    char *addresses; /* the same */
    char *answers;   /* to the commands of the configuration */
    char *gpus;      /* the same; NULL without any */
    gboolean gpu_known, has_gpu;
    gint64 gpu_pid;     /* of what runs in the guest to report; 0: nothing */
    const DrvStats *vm; /* while a pass runs */
} Guest;

/* Read what was started before, if it has ended, and start it again. */
void guest_ask_gpus(Guest *guest, DrvDomain *domain);

/* Ask it what is due: facts by its own times, the commands whenever its agent answers. */
void guest_visit(Guest *guest, DrvVirt *virt, const GuestConf *conf);
