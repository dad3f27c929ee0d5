/* SPDX-License-Identifier: Apache-2.0 */
/* exec-files.h - where exec keeps the commands that run in guests, and where the
 * execution probe finds them: a file a domain, named as it, with the guest's process id.
 */
#pragma once

/* Where the numbers of guests' processes are kept, in files named as the domains. */
#define KVM_EXEC_FOLDER "/var/run/one"
/* Held while one is being started, or looked for. */
#define KVM_EXEC_LOCK ".exec-lock"
/* Before the name while the guest migrates, as long as the file is locked. */
#define KVM_EXEC_ASIDE ".migrating-"
