/* SPDX-License-Identifier: Apache-2.0 */
#include "im/probes/pci-names.h"

#include <string.h>

static char *
read_ids(const ImContext *im)
{
    static const char *const files[] = { "/usr/share/misc/pci.ids",
                                         "/usr/share/hwdata/pci.ids",
                                         "/usr/share/pci.ids" };
    char *text = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(files) && text == NULL; i++)
        text = im_read(im, "%s", files[i]);
    return text;
}

/* The name behind "<prefix><hex>  " in the lines from @at on; the search ends at a line
 * that is less indented.  *below gets the lines under it.
 */
static char *
find_name(const char *at, const char *prefix, const char *id, const char **below)
{
    gsize indent = strlen(prefix);

    for (; at && *at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (*at == '#' || *at == '\n')
            continue;
        if (strspn(at, "\t") < indent && *prefix == '\t')
            return NULL;
        if (strncmp(at, prefix, indent) == 0 &&
            strncmp(at + indent, id, strlen(id)) == 0 && at[indent + strlen(id)] == ' ') {
            const char *name = at + indent + strlen(id);
            const char *end = name + strcspn(name, "\n");

            *below = end;
            return g_strstrip(g_strndup(name, (gsize)(end - name)));
        }
    }
    return NULL;
}

/* @outer's name, and of @inner below it. */
static void
find_pair(const char *ids,
          const char *prefix,
          const char *outer,
          const char *inner,
          char **outer_name,
          char **inner_name)
{
    const char *below = NULL;

    if (ids)
        *outer_name = find_name(ids, prefix, outer, &below);
    if (below)
        *inner_name = find_name(below, "\t", inner, &below);
}

void
im_pci_names(
    const ImContext *im, guint vendor, guint device, guint class, ImPciNames *names)
{
    g_autofree char *ids = read_ids(im);
    g_autofree char *vendor_id = g_strdup_printf("%04x", vendor);
    g_autofree char *device_id = g_strdup_printf("%04x", device);
    g_autofree char *class_id = g_strdup_printf("%02x", class >> 8);
    g_autofree char *subclass_id = g_strdup_printf("%02x", class & 0xff);
    g_autofree char *class_name = NULL;

    find_pair(ids, "", vendor_id, device_id, &names->vendor, &names->device);
    find_pair(ids, "C ", class_id, subclass_id, &class_name, &names->class);
    if (names->class == NULL)
        names->class = g_steal_pointer(&class_name);
    if (names->vendor == NULL)
        names->vendor = g_steal_pointer(&vendor_id);
    if (names->device == NULL)
        names->device = g_steal_pointer(&device_id);
    if (names->class == NULL)
        names->class = g_strconcat(class_id, subclass_id, NULL);
}

void
im_pci_names_clear(ImPciNames *names)
{
    g_free(names->vendor);
    g_free(names->device);
    g_free(names->class);
}
