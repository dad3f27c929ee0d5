/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint.h - the files of a saved domain: CHECKPOINT itself; CHECKPOINT.xml, with
 * what it is restored; CHECKPOINT.saving, which is there while save is at work, so that
 * its repetition knows that a checkpoint without domain is its own; CHECKPOINT.TIME, an
 * older one that nobody restored.
 */
#pragma once

#include "request/xml.h"
#include "vmm/vmm.h"

/* Put an older checkpoint aside (*aside is its name then, caller frees) and make place
 * for a new one: an empty file that also a daemon without rights of root on its storage
 * can write.
 */
gboolean kvm_checkpoint_begin(const char *file,
                              char **aside,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* For it: the new name, NULL when there was none. */
gboolean kvm_checkpoint_put_aside(const char *file,
                                  char **aside,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The domain runs on with a newer state: remove those that were put aside. */
void kvm_checkpoint_drop_aside(const char *file);

/* The older one is the checkpoint after all. */
void kvm_checkpoint_put_back(const char *file, const char *aside);

/* TRUE when @file may be what a save has made that was killed, during or after it: the
 * marker is there, or nothing was started since.  Restore leaves no checkpoint behind.
 */
gboolean kvm_checkpoint_is_ours(const char *file);

/* The checkpoint is complete: make it last. */
gboolean kvm_checkpoint_commit(const char *file,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Remove it with all that belongs to it.  Failure is logged: a domain that runs has no
 * use for it.
 */
void kvm_checkpoint_remove(const char *file);

/* Paths in @xml of the VM's directory in any datastore become those in the directory
 * where
 * @file is: the VM may have moved while it slept.
 */
void kvm_checkpoint_move_paths(DrvXml *xml, const char *file);

/* What a chain was when the checkpoint was made stands in it by names, and a name that is
 * a link leads elsewhere after a snapshot: drop them, the files' own headers tell the
 * chain.
 */
void kvm_checkpoint_forget_chains(DrvXml *xml);
