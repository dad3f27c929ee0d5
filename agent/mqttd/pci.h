/* SPDX-License-Identifier: Apache-2.0 */
/* pci.h - PCI devices of the host, which a start task asks for by vendor and device.
 *
 * They are devices of the VM at the agent until it is stopped by a task or started again;
 * libvirt takes each from its driver at the start, and gives it back at the end.
 */
#pragma once

#include "agent/mqttd/work.h"

/* Give @vm, which is off and is called @name, one free device for each of the item's
 * pci-ids, and nothing that an earlier start gave it.  They are not given to others from
 * now on.  NOT_FOUND, BUSY: with the id; nothing is given then.
 */
gboolean pci_give(Work *work, const Vm *vm, const char *name, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Its start is over: from now on whether it has its devices is seen in its state. */
void pci_start_is_over(const Vm *vm);

/* The VM is off: what was given is free. */
gboolean
pci_take_back(Work *work, const Vm *vm, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* REFUSED when the VM @id has a device of this host, which it would leave behind. */
gboolean
pci_may_leave(Work *work, const char *id, GError **error) G_GNUC_WARN_UNUSED_RESULT;
