/* SPDX-License-Identifier: Apache-2.0 */
/* The connection of those probes that need one; the others do not link libvirt. */
#include "im.h"

DrvVirt *
im_virt(ImContext *im, GError **error)
{
    if (im->virt == NULL)
        im->virt = drv_virt_open(NULL, error);
    im->virt_close = drv_virt_close;
    return im->virt;
}

void
im_virt_drop(ImContext *im)
{
    g_clear_pointer(&im->virt, drv_virt_close);
}
