/* SPDX-License-Identifier: Apache-2.0 */
/* repair.h - domain XML that is almost XML. */
#pragma once

/* Front-ends write some values into a domain's XML as they are, a VM's name as its title
 * and attributes among them.  The XML with what they hold as text ("R&D; <x>", "]]>", a
 * quote in a value), whatever else is right unchanged; caller frees.
 */
char *vmm_repair_domain(const char *xml);
