/* SPDX-License-Identifier: Apache-2.0 */
/* virt-floor - libvirt's part of an action, and nothing else: what no driver can do
 * without.
 *
 *   virt-floor deploy FILE | cancel NAME | snapshot NAME XML | attach NAME XML
 *   virt-floor suspend NAME | resume NAME
 *   virt-floor await NAME           ends when NAME stops
 */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int stopped;

static void
say_nothing(void *data, virErrorPtr error)
{
    (void)data;
    (void)error;
}

static char *
read_file(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = calloc(1, 1 << 20);

    if (file == NULL || text == NULL || fread(text, 1, (1 << 20) - 1, file) == 0)
        exit(3);
    fclose(file);
    return text;
}

static int
on_event(virConnectPtr conn, virDomainPtr domain, int event, int detail, void *data)
{
    (void)conn;
    (void)domain;
    (void)detail;
    (void)data;
    stopped = stopped || event == VIR_DOMAIN_EVENT_STOPPED;
    return 0;
}

static int
await_end(virConnectPtr conn, virDomainPtr domain)
{
    if (virConnectDomainEventRegisterAny(conn,
                                         domain,
                                         VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                         VIR_DOMAIN_EVENT_CALLBACK(on_event),
                                         NULL,
                                         NULL) < 0)
        return -1;
    while (!stopped) {
        if (virEventRunDefaultImpl() < 0)
            return -1;
    }
    return 0;
}

static int
act(virConnectPtr conn, char **argv)
{
    virDomainPtr domain;

    if (strcmp(argv[1], "deploy") == 0)
        return virDomainCreateXML(conn, read_file(argv[2]), 0) ? 0 : -1;
    domain = virDomainLookupByName(conn, argv[2]);
    if (domain == NULL)
        return -1;
    if (strcmp(argv[1], "cancel") == 0)
        return virDomainDestroyFlags(domain, 0);
    if (strcmp(argv[1], "suspend") == 0)
        return virDomainSuspend(domain);
    if (strcmp(argv[1], "resume") == 0)
        return virDomainResume(domain);
    if (strcmp(argv[1], "await") == 0)
        return await_end(conn, domain);
    if (strcmp(argv[1], "snapshot") == 0)
        return virDomainSnapshotCreateXML(domain, argv[3], 0) ? 0 : -1;
    if (strcmp(argv[1], "attach") == 0)
        return virDomainAttachDeviceFlags(domain, argv[3], VIR_DOMAIN_AFFECT_LIVE);
    return -1;
}

int
main(int argc, char **argv)
{
    virConnectPtr conn;

    virSetErrorFunc(NULL, say_nothing);
    if (argc < 3 || virEventRegisterDefaultImpl() < 0)
        return 2;
    conn = virConnectOpen("qemu:///system");
    if (conn == NULL || act(conn, argv) < 0) {
        fprintf(stderr, "virt-floor: %s\n", virGetLastErrorMessage());
        return 1;
    }
    virConnectClose(conn);
    return 0;
}
