/* SPDX-License-Identifier: Apache-2.0 */
/* domain-xml.h - the domain that a record describes.
 *
 * Sources: xenopsd's records; libvirt's formatdomain.  What a record says and libvirt's
 * domains do not have is left out, or an error where the guest would see a difference.
 */
#pragma once

#include "agent/worker/job.h"
#include "request/xml.h"

/* The document of the job's VM with its devices, and with the marker that it is not
 * complete.  Caller frees.
 */
char *domain_xml_new(Job *job, GError **error);

/* What stays of the marker when the domain is complete: whose it is.  Caller frees. */
char *domain_xml_marker(const Job *job);
/* Put the marker in a document, in place of an older one. */
void domain_xml_mark(DrvXml *xml, const Job *job);

/* Append the device to <devices>.  @n: which one of its class, for names that the record
 * does not tell.
 */
gboolean
device_xml_add(Job *job, DrvNode *devices, json_object *device, guint n, GError **error);

/* The device of the running domain that belongs to the record; NULL when it is not
 * plugged.
 */
DrvNode *device_xml_find(DrvXml *domain, json_object *device);

/* "VBD", "VIF", "PCI"; "" for anything else.  And its record, its name within the VM. */
const char *device_class(json_object *device);
json_object *device_record(json_object *device);
const char *device_name(json_object *device);
