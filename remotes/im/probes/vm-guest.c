/* SPDX-License-Identifier: Apache-2.0 */
/* What guests say of themselves, through their agents.  An agent may be slow, hang, or
 * lie, so this is a message of its own, which keeps no other waiting, and a guest that
 * has nothing to say is asked less and less often.
 */
#include <string.h>

#include "base/error.h"
#include "im/probes/guest.h"
#include "virt/agent.h"

#define BUDGET_US (20 * G_USEC_PER_SEC)

static void
guest_free(gpointer data)
{
    Guest *guest = data;

    g_free(guest->os);
    g_free(guest->addresses);
    g_free(guest->answers);
    g_free(guest->gpus);
    g_free(guest);
}

static Guest *
guest_of(ImContext *im, const char *uuid)
{
    Guest *guest;

    if (im->guests == NULL)
        im->guests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, guest_free);
    guest = g_hash_table_lookup(im->guests, uuid);
    if (guest == NULL) {
        guest = g_new0(Guest, 1);
        g_hash_table_insert(im->guests, g_strdup(uuid), guest);
    }
    return guest;
}

static void
report(const Guest *guest, const GuestConf *conf, GString *out)
{
    const char *const parts[] = {
        guest->os, guest->addresses, guest->gpus, guest->answers
    };
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
        g_string_append(text, parts[i] ? parts[i] : "");
    guest_say_disabled(conf, text);
    if (text->len > 0)
        im_add_vm(out, im_vm_id(guest->vm->name), guest->vm->uuid, text->str);
}

static gboolean
is_gone(gpointer uuid, gpointer data, gpointer unused)
{
    const Guest *guest = data;

    (void)uuid;
    (void)unused;
    return guest->vm == NULL;
}

static gint
by_asked(gconstpointer a, gconstpointer b)
{
    const Guest *one = *(Guest *const *)a;
    const Guest *two = *(Guest *const *)b;

    return one->asked < two->asked ? -1 : one->asked > two->asked;
}

/* The running guests among @all (no other has an agent that answers), those first that
 * were not asked for the longest time; what is known of others is forgotten.  Caller
 * frees.
 */
static GPtrArray *
running(ImContext *im, const GPtrArray *all)
{
    GPtrArray *guests = g_ptr_array_new();

    for (guint i = 0; i < all->len; i++) {
        const DrvStats *vm = g_ptr_array_index(all, i);
        Guest *guest;

        if (vm->state != DRV_STATE_RUNNING ||
            (im_vm_id(vm->name) < 0 && !im_has_imported()))
            continue;
        guest = guest_of(im, vm->uuid);
        guest->vm = vm;
        g_ptr_array_add(guests, guest);
    }
    if (im->guests)
        g_hash_table_foreach_remove(im->guests, is_gone, NULL);
    g_ptr_array_sort(guests, by_asked);
    return guests;
}

static gboolean
report_vm_guest(ImContext *im, GString *out, GError **error)
{
    gint64 end = g_get_monotonic_time() + BUDGET_US;
    g_auto(GuestConf) conf = { 0 };
    g_autoptr(GError) why = NULL;
    DrvVirt *virt = im_virt(im, &why);
    g_autoptr(GPtrArray) all = virt ? drv_stats_all(virt, FALSE, &why) : NULL;
    g_autoptr(GPtrArray) guests = NULL;

    (void)error;
    if (all == NULL) {
        im_virt_drop(im);
        drv_ignore(&why, "the probe of what VMs use says so");
        return TRUE;
    }
    guest_conf_load(&conf);
    guests = running(im, all);
    for (guint i = 0; i < guests->len; i++) {
        Guest *guest = g_ptr_array_index(guests, i);

        if (g_get_monotonic_time() < end)
            guest_visit(guest, virt, &conf);
        report(guest, &conf, out);
        guest->vm = NULL;
    }
    return TRUE;
}

IM_PROBE_REGISTER(im_vm_guest, report_vm_guest);
