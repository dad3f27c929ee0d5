/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.h - the parts of drv doctor: the cloud as the front-end describes it, what only
 * the front-end can say of itself, and what is found.
 */
#pragma once

#include "agent/drv/drv.h"
#include "doctor/doctor.h"

typedef struct {
    char *name;
    char *cluster;
    gboolean libvirt; /* its VMs are run by the driver kvm */
} CloudHost;

typedef struct {
    DoctorDatastore about;
    char *ds; /* DS_MAD */
    char **clusters;
} CloudDatastore;

typedef struct {
    GPtrArray *hosts;      /* CloudHost */
    GPtrArray *datastores; /* CloudDatastore */
} Cloud;

void cloud_free(Cloud *cloud);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Cloud, cloud_free)

/* Ask oned; NULL with @error. */
Cloud *cloud_read(GError **error);

/* A request for a look at @host, or at the front-end when that is NULL: all that its
 * cluster has.  Hosts try the next one of their cluster.  Free with drv_request_free().
 */
DoctorLook *cloud_look_at(const Cloud *cloud, const CloudHost *host);

/* Make a file in each shared datastore that is here, and take them away again. */
void cloud_make_nonces(Cloud *cloud);
void cloud_remove_nonces(Cloud *cloud);

/* Add to @findings what is wrong with oned.conf, our tree, and our settings. */
void doctor_front_end(const Cloud *cloud, json_object *findings);
