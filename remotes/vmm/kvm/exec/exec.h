/* SPDX-License-Identifier: Apache-2.0 */
/* exec.h - what exec and the guest's agent say to each other. */
#pragma once

#include "vmm/vmm.h"

/* Where the numbers of guests' processes are kept, in files named as the domains. */
#define KVM_EXEC_FOLDER "/var/run/one"
/* Held while one is being started, or looked for. */
#define KVM_EXEC_LOCK ".exec-lock"
/* Before the name while the guest migrates, as long as the file is locked. */
#define KVM_EXEC_ASIDE ".migrating-"

/* {"execute":"guest-exec","arguments":{"path":P,"arg":[A…],"capture-output":true}} with
 * "input-data" when @input (base64) is not "".  @words and @input are UTF-8; caller
 * frees.
 */
char *kvm_exec_json(char **words, const char *input);

/* The number of the answer {"return":{"pid":N}}, or 0. */
guint64 kvm_exec_pid(const char *answer);
