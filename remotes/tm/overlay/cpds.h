/* SPDX-License-Identifier: Apache-2.0 */
/* cpds.h - the parts of saving a disk as an image. */
#pragma once

#include "stage/stage.h"
#include "tm/ops/tm-dir.h"
#include "tm/tm.h"

typedef struct {
    TmDir dir;
    TmDisk disk;
    gboolean qcow2;
    gboolean is_image; /* the disk is that image: nothing to do */
    DrvStage *stage;   /* in the image's datastore; the copy is made in it as "image" */
    char *name;        /* of the image */
} TmCpds;
#define TM_CPDS_INIT                                                                     \
    {                                                                                    \
        TM_DIR_INIT, TM_DISK_INIT, FALSE, FALSE, NULL, NULL                              \
    }

void tm_cpds_clear(TmCpds *cpds);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TmCpds, tm_cpds_clear)

gboolean tm_cpds_open(TmCpds *cpds,
                      const TmStore *request,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Copy disk or snapshot to "image" in @stage. */
gboolean tm_cpds_copy(const TmStore *request,
                      const TmDisk *disk,
                      gboolean qcow2,
                      DrvStage *stage,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

gboolean tm_cpds_publish(TmCpds *cpds, GError **error) G_GNUC_WARN_UNUSED_RESULT;
