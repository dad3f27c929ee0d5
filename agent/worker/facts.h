/* SPDX-License-Identifier: Apache-2.0 */
/* facts.h - what libvirt says of a VM now.
 *
 * As JSON, for the record's state:
 *
 *     uuid, name      of the domain
 *     power_state     Running, Paused, Suspended or Halted
 *     domids          [libvirt's id] or []
 *     persistent      libvirt has a definition
 *     unsurvivable    the task whose marker is in the metadata; null: none
 *     vm_id           of the VM whose marker is in the metadata; absent: not an agent's
 *     consoles        [{"protocol":"Rfb"|"Vt100","port":N,"path":"..."}]
 *     memory_target, memory_actual, memory_limit   bytes
 *     vcpu_target
 *     devices         {"vbd":{name:{"plugged":true}},"vif":{...},"pci":{...}} of the job;
 *                     beside: "path" of what is in a drive, "device" of a NIC's other
 *                     end and whether it is "up"
 *     macs            of all NICs of the domain
 *     last_start_time with what has just started
 *     suspend_file    of a suspended one
 *     migrated_to     null with one that was moved and is active here again
 */
#pragma once

#include "agent/worker/domain-xml.h"
#include "agent/worker/job.h"
#include "virt/domains.h"

typedef struct {
    gboolean exists;
    DrvDomainFacts *look; /* NULL: there is none */
    DrvDomain *domain;
    DrvXml *xml;        /* of the running domain, or its definition */
    char *owner;        /* VM of the marker; NULL: not an agent's */
    char *unsurvivable; /* task of the marker; NULL: the domain is complete */
} Facts;

void facts_clear(Facts *facts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Facts, facts_clear)

/* Look at the job's VM.  TRUE as well when libvirt has no such domain; FALSE: nothing is
 * known.
 */
gboolean facts_read(Job *job, Facts *facts, GError **error) G_GNUC_WARN_UNUSED_RESULT;

gboolean facts_is_active(const Facts *facts);

/* Running, Paused, Suspended (off, and there is a complete file of its memory), Halted.
 */
const char *facts_power(Job *job, const Facts *facts);

/* TRUE when the file that the record names is complete. */
gboolean facts_is_saved(Job *job);

/* The object above; caller owns. */
json_object *facts_json(Job *job, const Facts *facts);

/* MACs of the domain; caller owns. */
json_object *facts_macs(DrvXml *xml);
