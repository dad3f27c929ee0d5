/* SPDX-License-Identifier: Apache-2.0 */
/* The probe of VMs' states as a process: between its runs the table is in a file. */
#include "base/error.h"
#include "im/base/im.h"
#include "im/state/states.h"

#define CONF "probe_db.conf"
#define TIMES_MISSING 3
#define SYNC_S 180

static char *
file_of(const ImContext *im)
{
    return g_strdup_printf(
        "%s/.states-%s-%" G_GINT64_FORMAT, im->db, im->hypervisor, im->host_id);
}

/* "last sync, last look, and a line for each VM" */
static void
load(ImContext *im, gint64 *last_sync, gint64 *last_look)
{
    g_autofree char *file = file_of(im);
    g_autofree char *text = NULL;
    g_auto(GStrv) parts = NULL;

    im_states_keep(im);
    if (!g_file_get_contents(file, &text, NULL, NULL))
        return;
    parts = g_strsplit(text, "\n", 3);
    if (g_strv_length(parts) < 3 ||
        !g_ascii_string_to_signed(parts[0], 10, 0, G_MAXINT64, last_sync, NULL) ||
        !g_ascii_string_to_signed(parts[1], 10, 0, G_MAXINT64, last_look, NULL))
        return;
    im_states_from_text(im->states, parts[2]);
}

static gboolean
save(ImContext *im, gint64 last_sync, gint64 now, GError **error)
{
    g_autofree char *file = file_of(im);
    g_autofree char *rows = im_states_to_text(im->states);
    g_autofree char *text = g_strdup_printf(
        "%" G_GINT64_FORMAT "\n%" G_GINT64_FORMAT "\n%s", last_sync, now, rows);
    g_autoptr(GError) why = NULL;

    g_mkdir_with_parents(im->db, 0755);
    if (g_file_set_contents(file, text, -1, &why))
        return TRUE;
    return drv_throw(error, DRV_ERROR_FAILED, "%s", why->message);
}

static gboolean
report_vm_state(ImContext *im, GString *out, GError **error)
{
    ImStatesHow how = { .imported = im_has_imported() };
    gint64 sync_s = (gint64)im_config_number(im, "PROBES_PERIOD/SYNC_STATE_VM", SYNC_S);
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    gint64 last_sync = 0, last_look = 0;
    DrvVirt *virt = im_virt(im, error);
    g_autoptr(GPtrArray) active = virt ? drv_stats_all(virt, FALSE, error) : NULL;

    if (active == NULL) {
        im_virt_drop(im);
        return FALSE;
    }
    if (im->states == NULL)
        load(im, &last_sync, &last_look);
    how.times_missing = (guint)im_conf_number(CONF, "times_missing", TIMES_MISSING);
    how.sync = im->lasting || last_sync > now || now - last_sync >= sync_s;
    im_states_compare(im->states, active, &how, out);
    return im->lasting || save(im, how.sync ? now : last_sync, now, error);
}

IM_PROBE_REGISTER(im_vm_state, report_vm_state);
