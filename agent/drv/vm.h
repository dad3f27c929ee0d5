/* SPDX-License-Identifier: Apache-2.0 */
/* vm.h - the verbs of "drv vm" that are not in noun-vm.c, and how a VM is found. */
#pragma once

#include "agent/drv/drv.h"

/* Of an entry [record, state] of VM.list: the id; the name, or the id where there is
 * none. They belong to the entry.
 */
const char *vm_id_of(json_object *entry);
const char *vm_name_of(json_object *entry);

/* "Running", "unknown (was Running)", "Halted, foreign", "moved to URI"; caller frees. */
char *vm_power_text(json_object *entry);

/* [record, state] of the VM with this id, or else this name; the caller's.  NULL with
 * DRV_ERROR_NOT_FOUND, or DRV_ERROR_USAGE where several have the name.
 */
json_object *vm_find(Drv *drv, const char *word, GError **error);

/* vm-show.c */
gboolean vm_list(Drv *drv, char **words, GError **error);
gboolean vm_show(Drv *drv, char **words, GError **error);

/* vm-add.c */
extern const GOptionEntry vm_add_options[];
extern const GOptionEntry vm_delete_options[];
gboolean vm_add(Drv *drv, char **words, GError **error);
gboolean vm_delete(Drv *drv, char **words, GError **error);
gboolean vm_adopt(Drv *drv, char **words, GError **error);
gboolean vm_set_ip(Drv *drv, char **words, GError **error);
