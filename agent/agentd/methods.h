/* SPDX-License-Identifier: Apache-2.0 */
/* methods.h - the methods of methods.c's table, and what their files share.
 *
 * A method returns its answer, or NULL: with call->error set it failed, else it is null.
 */
#pragma once

#include "agent/agentd/agentd.h"

/* vm-methods.c: */
json_object *vm_add(Call *call);
json_object *vm_remove_call(Call *call);
json_object *vm_stat(Call *call);
json_object *vm_exists(Call *call);
json_object *vm_list(Call *call);
json_object *vm_operation(Call *call);
json_object *vm_check_state(Call *call);
json_object *vm_set_ip(Call *call);
json_object *vm_migrate(Call *call);
/* device-methods.c: */
json_object *device_add(Call *call);
json_object *device_remove_call(Call *call);
json_object *device_stat(Call *call);
json_object *device_list(Call *call);
json_object *device_operation(Call *call);
json_object *pci_dequarantine(Call *call);
json_object *no_devices(Call *call);
/* changes.c: a change of a device's record, once the device is changed. */
json_object *device_change(Call *call);
/* NULL, and the call has the error; @pair is [VM, name]. */
Device *call_device(Call *call, json_object *pair, Vm **vm);
/* metadata.c: */
json_object *vm_export(Call *call);
json_object *vm_import(Call *call);
json_object *vm_import_async(Call *call);
json_object *vm_generate_state_string(Call *call);
/* absent.c: why a method of the interface is not here; NULL: it is no method of it. */
const char *absent_reason(const char *method);
/* task-methods.c: */
json_object *task_stat(Call *call);
json_object *task_cancel(Call *call);
json_object *task_destroy(Call *call);
json_object *task_list(Call *call);
/* host-methods.c: */
json_object *query(Call *call);
json_object *get_diagnostics(Call *call);
json_object *get_metrics(Call *call);
json_object *set_worker_pool_size(Call *call);
json_object *host_operation(Call *call);
json_object *vm_adopt(Call *call);
json_object *debug_trigger(Call *call);
json_object *debug_shutdown(Call *call);
/* host-stat.c: */
json_object *host_stat(Call *call);
json_object *host_total_memory(Call *call);
json_object *host_combine_policies(Call *call);
json_object *host_is_compatible(Call *call);
/* Of the text of /proc/cpuinfo, and the number of NUMA nodes. */
json_object *cpu_info_of(const char *cpuinfo, guint nodes);
