/* SPDX-License-Identifier: Apache-2.0 */
/* ops.h - the operations, and what they share. */
#pragma once

#include "agent/worker/facts.h"
#include "agent/worker/job.h"

/* --- life: op-start.c, op-stop.c, op-suspend.c, op-migrate.c ---------------------------
 */
gboolean op_start(Job *job, GError **error);
gboolean op_shutdown(Job *job, GError **error);
gboolean op_reboot(Job *job, GError **error);
gboolean op_delete(Job *job, GError **error);
gboolean op_pause(Job *job, GError **error);
gboolean op_unpause(Job *job, GError **error);
gboolean op_suspend(Job *job, GError **error);
gboolean op_resume(Job *job, GError **error);
gboolean op_migrate(Job *job, GError **error);
gboolean op_set_vcpus(Job *job, GError **error);
gboolean op_set_memory(Job *job, GError **error);
gboolean op_set_affinity(Job *job, GError **error);

/* --- devices: op-device.c --------------------------------------------------------------
 */
gboolean op_plug(Job *job, GError **error);
gboolean op_unplug(Job *job, GError **error);

/* --- changes of devices: op-change.c ---------------------------------------------------
 */
gboolean op_change_drive(Job *job, GError **error);
gboolean op_change_nic(Job *job, GError **error);

/* --- the steps of a start: op-steps.c --------------------------------------------------
 */
gboolean op_create(Job *job, GError **error);
gboolean op_build(Job *job, GError **error);
gboolean op_create_device_model(Job *job, GError **error);

/* --- looking: op-look.c, op-host.c -----------------------------------------------------
 */
gboolean op_list(Job *job, GError **error);
gboolean op_stat(Job *job, GError **error);
gboolean op_check_state(Job *job, GError **error);
gboolean op_init_model(Job *job, GError **error);
gboolean op_host_info(Job *job, GError **error);
gboolean op_host_statistics(Job *job, GError **error);
gboolean op_host_peer(Job *job, GError **error);
gboolean op_host_fetch(Job *job, GError **error);

/* --- shared ----------------------------------------------------------------------------
 */

/* Start the job's VM, which is off, on @virt; all that start promises is checked.
 * Progress goes from @from to 1.  A failure leaves no domain, and job->undone says so.
 */
gboolean start_domain(Job *job, DrvVirt *virt, double from, GError **error);

/* The end of start and resume: check what was promised, take the marker off, remove the
 * record's suspend_file, and let the guest run if options.unpause says so.  A failure
 * ends the domain.
 */
gboolean start_complete(Job *job, DrvVirt *virt, double from, GError **error);

/* End the domain of a start or resume that did not come to its end, if it bears the
 * marker.  job->undone says how that went.
 */
void start_undo(Job *job, DrvVirt *virt);

/* The parts of it that VM.create and VM.build have, too.  Create the domain of a
 * document; pause it where libvirt cannot start one that does not run; check memory,
 * VCPUs and consoles; take the marker off: from there on the domain is complete, and
 * nothing ends it.
 */
DrvDomain *start_create(Job *job, DrvVirt *virt, const char *xml, GError **error);
gboolean start_hold(Facts *facts, GError **error);
gboolean start_check_sizes(Job *job, const Facts *facts, GError **error);
gboolean start_commit(Job *job, DrvDomain *domain, GError **error);

/* Fail: there is no domain, or none that is complete. */
gboolean job_not_built(Job *job, GError **error);

/* The document's device that options.device names; NULL with an error. */
json_object *find_device(Job *job, GError **error);

/* [[4],[5,6]]: CPUs of VCPU 0, of VCPU 1; NULL: nothing to do. */
gboolean pin_all(DrvDomain *domain, json_object *affinity, GError **error);

/* Save the guest to @file, which is complete and known to the record then; a failure
 * leaves it running.
 */
gboolean suspend_to(Job *job, Facts *facts, const char *file, GError **error);

/* Let what the complete @file has be at @virt, paused and marked; a failure leaves no
 * domain there.
 */
gboolean restore_at(Job *job, DrvVirt *virt, const char *file, GError **error);

/* The part of VM.migrate that goes through a file: op-migrate-file.c. */
gboolean migrate_by_file(Job *job, Facts *facts, const char *uri, GError **error);

/* Destroy until it is gone. */
gboolean stop_hard(DrvDomain *domain, GError **error);

/* Ask the guest, and wait up to @delay_s; DRV_ERROR_TIMEOUT and the interface's error
 * when it does not go.
 */
gboolean stop_softly(Job *job, DrvDomain *domain, double delay_s, GError **error);

/* Report the state as it is now; it is the result, too. */
gboolean report_state(Job *job, GError **error);

/* Run what takes as long as it takes, and report libvirt's progress meanwhile, between
 * @from and @to.
 */
typedef gboolean (*FollowedRun)(DrvDomain *domain, gpointer data, GError **error);
gboolean run_followed(Job *job,
                      DrvDomain *domain,
                      const char *phase,
                      double from,
                      double to,
                      FollowedRun run,
                      gpointer data,
                      GError **error);

/* A record that says that a migration was begun is believed only after both hosts were
 * asked.  *elsewhere: the domain is active at the destination.  FALSE: not known.
 */
gboolean migrate_resolve(Job *job, gboolean *elsewhere, GError **error);

/* A VM that was moved is not started here while it runs where it went: TRUE when that
 * host says that it does not, or when the VM was not moved.
 */
gboolean migrate_may_start(Job *job, GError **error);

/* Report that the VM is at @uri now, and not here. */
void migrate_report_gone(Job *job, const char *uri);

/* The file of a VM that is complete again is spent: it must be gone before the guest
 * runs.
 */
void suspend_spend_file(Job *job);
