/* SPDX-License-Identifier: Apache-2.0 */
/* The connection of those probes that need one; the others do not link libvirt. */
#include "base/error.h"
#include "im/base/im.h"

#define HANGS_US (5 * G_USEC_PER_SEC) /* after a time-out, ask no more for so long */

DrvVirt *
im_virt(ImContext *im, GError **error)
{
    g_autoptr(GError) why = NULL;

    im->virt_close = drv_virt_close;
    if (im->virt)
        return im->virt;
    /* The probes of one pass must not wait for it one by one. */
    if (im->virt_hung && g_get_monotonic_time() - im->virt_hung_at < HANGS_US) {
        g_propagate_error(error, g_error_copy(im->virt_hung));
        return NULL;
    }
    g_clear_error(&im->virt_hung);
    im->virt = drv_virt_open(NULL, &why);
    if (im->virt)
        return im->virt;
    if (drv_error_is(why, DRV_ERROR_TIMEOUT)) {
        im->virt_hung = g_error_copy(why);
        im->virt_hung_at = g_get_monotonic_time();
    }
    g_propagate_error(error, g_steal_pointer(&why));
    return NULL;
}

void
im_virt_drop(ImContext *im)
{
    g_clear_pointer(&im->virt, drv_virt_close);
}
