/* SPDX-License-Identifier: Apache-2.0 */
/* unplug.h - take a device out of a running domain. */
#pragma once

#include "request/xml.h"
#include "virt/virt.h"

/* How long a guest has to release what is unplugged. */
#define VMM_UNPLUG_MS 20000

/* Finds a device in a domain's XML; NULL when it is not there. */
typedef DrvNode *(*VmmFindDevice)(DrvXml *domain, gconstpointer data);

/* Unplug the device @find finds, and wait until the guest has let go of it.  A device
 * that is not there is a success; one that the guest keeps is an error and still in use.
 */
gboolean vmm_unplug(DrvDomain *domain,
                    VmmFindDevice find,
                    gconstpointer data,
                    GError **error) G_GNUC_WARN_UNUSED_RESULT;
