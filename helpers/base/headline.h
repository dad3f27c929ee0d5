/* SPDX-License-Identifier: Apache-2.0 */
/* headline.h - a message whose first DRV_HEADLINE characters hold what matters.
 *
 * A front-end shows its users about 100 characters of an error, beginning with the name
 * of the action, and hides the rest in a log.
 */
#pragma once

#include <glib.h>

#define DRV_HEADLINE 90

/* @sentence is "WHAT: WHERE: … WHY", as drv_throw() and drv_prefix() build it.  One that
 * fits stays as it is.  In a longer one, file names in quotes lose their directories and
 * a domain its UUID; if that is not enough, WHAT and WHY move together.  What was taken
 * out follows at the end, in parentheses, so nothing is lost.  UTF-8; caller frees.
 */
char *drv_headline(const char *sentence);
