/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_ds - how full the host's datastores are (up to 5.10) */
#include "im/base/im.h"

IM_PROBE(im_monitor_ds)
