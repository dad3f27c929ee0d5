/* SPDX-License-Identifier: Apache-2.0 */
/* nfs_automounted - NFS shares with datastores (7.0) */
#include "im/base/im.h"

IM_PROBE(im_nfs_automounted)
