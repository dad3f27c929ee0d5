/* SPDX-License-Identifier: Apache-2.0 */
/* build.h - which build this is. */
#pragma once

/* "0.1.0-1a2b3c4d", static: the version and a digest of the sources.  Front-end and
 * worker must be of the same build.
 */
const char *drv_build(void);
