/* SPDX-License-Identifier: Apache-2.0 */
/* exec.h - what exec and the guest's agent say to each other. */
#pragma once

#include "virt/exec-files.h"
#include "vmm/vmm.h"

/* {"execute":"guest-exec","arguments":{"path":P,"arg":[A…],"capture-output":true}} with
 * "input-data" when @input (base64) is not "".  @words and @input are UTF-8; caller
 * frees.
 */
char *kvm_exec_json(char **words, const char *input);

/* The number of the answer {"return":{"pid":N}}, or 0. */
guint64 kvm_exec_pid(const char *answer);
