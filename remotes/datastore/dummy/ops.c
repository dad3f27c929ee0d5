/* SPDX-License-Identifier: Apache-2.0 */
#include "datastore/ops/fixed.h"

DS_FIXED(dummy_cp, "dummy.cp", ds_cp, "dummy_path dummy_format");
DS_FIXED(dummy_mkfs, "dummy.mkfs", ds_mkfs, "dummy_path");
DS_FIXED(dummy_clone, "dummy.clone", ds_clone, "dummy_path");
DS_FIXED(dummy_rm, "dummy.rm", ds_rm, NULL);
DS_FIXED(dummy_stat, "dummy.stat", ds_stat, "1024");
DS_FIXED(dummy_monitor_ds,
         "dummy.monitor_ds",
         ds_monitor,
         "USED_MB=9720 FREE_MB=20480 TOTAL_MB=20480");
DS_FIXED(dummy_snapshot, "dummy.snapshot", ds_snapshot, NULL);
DS_FIXED(dummy_export, "dummy.export", ds_export, "dummy_path");
