/* SPDX-License-Identifier: Apache-2.0 */
/* doctor/doctor.h - what of a machine does not fit its part in the cloud.
 *
 * The same look is taken at the front-end, in the process of drv, and at hosts, by their
 * worker (op "doctor.look").  A look changes nothing.  What is found is a report: JSON,
 *
 *     {"time": 1764288000000000, "findings": [{"level": "error", "subject": "datastore
 * 1", "what": "...", "why": "...", "mend": "..."}]}
 *
 * with the machine's time in microseconds, and "" for what cannot be said.
 */
#pragma once

#include <glib.h>

#include "base/json.h"
#include "request/op.h"

/* What a look is told of the cloud; on the wire. */
typedef struct {
    DrvRequest head;
    gboolean front_end; /* or else a host */
    gboolean libvirt;   /* it runs VMs by libvirt */
    char **datastores;  /* each as doctor_datastore_word() makes it */
    char **peers;       /* hosts that this one must reach by ssh */
} DoctorLook;
DRV_REQUEST_AUTOPTR(DoctorLook)

extern const DrvRequestType doctor_look_request;
extern const DrvOp doctor_look;

typedef struct {
    guint64 id;
    gboolean is_system; /* or else of images */
    char *tm;           /* TM_MAD */
    char *nonce;        /* the name of a file in it that the front-end made, or "" */
    char *path;
} DoctorDatastore;

char *doctor_datastore_word(const DoctorDatastore *datastore);
/* Whether its directory is one and the same on all machines: drivers' names say so. */
gboolean doctor_datastore_is_shared(const DoctorDatastore *datastore);

/* --- findings, of checks here and of drv
 * ------------------------------------------------------------------------
 */
typedef enum { DOCTOR_WARNING, DOCTOR_ERROR } DoctorLevel;

/* @subject is what it is about ("datastore 1"), @why what it leads to, @mend the command
 * that mends it; the rest says what was found.
 */
void doctor_add(json_object *findings,
                DoctorLevel level,
                const char *subject,
                const char *why,
                const char *mend,
                const char *format,
                ...) G_GNUC_PRINTF(6, 7);

/* The checks: each adds what it finds. */
void doctor_check_datastore(const DoctorDatastore *datastore,
                            gboolean front_end,
                            json_object *findings);
/* It is the front-end's, which has looked already. */
gboolean doctor_datastore_is_proved(const DoctorDatastore *datastore);
void doctor_check_leftovers(const DoctorDatastore *datastore, json_object *findings);
void doctor_check_programs(const DoctorLook *look, gboolean ceph, json_object *findings);
void doctor_check_libvirt(json_object *findings);
void doctor_check_peers(char *const *peers, json_object *findings);
void doctor_check_probes(json_object *findings);
