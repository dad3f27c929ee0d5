/* SPDX-License-Identifier: Apache-2.0 */
#include "im/probes/pci-names.h"

#include <pci/pci.h>
#include <setjmp.h>
#include <stdarg.h>

#include "base/log.h"

#define NAME_MAX_SIZE 256
/* What the file says, and NULL for the rest; the local network and udev are not asked. */
#define LOOKUP (PCI_LOOKUP_NO_NUMBERS | PCI_LOOKUP_NO_HWDB)

struct ImPciIds {
    struct pci_access *access;
};

/* libpci's only way to report a damaged file is a function that must not return, and that
 * gets no data of ours.
 */
static _Thread_local jmp_buf damaged;

static void __attribute__((noreturn, format(printf, 1, 2)))
report_damage(char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    drv_warn("names of PCI devices: %s", g_strchomp(text));
    g_clear_pointer(&text, g_free);
    longjmp(damaged, 1);
}

static void __attribute__((format(printf, 1, 2))) be_quiet(char *format, ...)
{
    (void)format;
}

/* Without pci_init(), which looks for the bus as well: none of its functions is set yet.
 */
static void
load(struct pci_access *access)
{
    access->error = report_damage;
    access->warning = access->debug = be_quiet;
    if (setjmp(damaged) == 0)
        pci_load_name_list(access);
}

ImPciIds *
im_pci_ids_open(const ImContext *im)
{
    static const char *const files[] = { "/usr/share/misc/pci.ids",
                                         "/usr/share/hwdata/pci.ids",
                                         "/usr/share/pci.ids" };
    ImPciIds *ids = g_new0(ImPciIds, 1);

    ids->access = pci_alloc();
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_strconcat(im->root, files[i], NULL);

        pci_set_name_list_path(ids->access, strdup(path), 1); /* freed by free() */
        if (g_file_test(path, G_FILE_TEST_EXISTS))
            break;
    }
    load(ids->access);
    return ids;
}

void
im_pci_ids_free(ImPciIds *ids)
{
    if (ids)
        pci_cleanup(ids->access);
    g_free(ids);
}

static char *
name_or_number(const char *name, guint number)
{
    return name ? g_strdup(name) : g_strdup_printf("%04x", number);
}

void
im_pci_names(
    const ImPciIds *ids, guint vendor, guint device, guint class, ImPciNames *names)
{
    char buffer[NAME_MAX_SIZE];
    struct pci_access *access = ids->access;

    names->vendor = name_or_number(
        pci_lookup_name(
            access, buffer, sizeof buffer, LOOKUP | PCI_LOOKUP_VENDOR, (int)vendor),
        vendor);
    names->device = name_or_number(pci_lookup_name(access,
                                                   buffer,
                                                   sizeof buffer,
                                                   LOOKUP | PCI_LOOKUP_DEVICE,
                                                   (int)vendor,
                                                   (int)device),
                                   device);
    names->class = name_or_number(
        pci_lookup_name(
            access, buffer, sizeof buffer, LOOKUP | PCI_LOOKUP_CLASS, (int)class),
        class);
}

void
im_pci_names_clear(ImPciNames *names)
{
    g_free(names->vendor);
    g_free(names->device);
    g_free(names->class);
}
