/* SPDX-License-Identifier: Apache-2.0 */
/* virt-floor - libvirt's part of an action, and nothing else: what no driver can do
 * without.
 *
 *   virt-floor deploy FILE | cancel NAME | snapshot NAME XML | attach NAME XML
 *   virt-floor suspend NAME | resume NAME
 *   virt-floor await NAME           ends when NAME stops
 *   virt-floor times NAME           seconds since the epoch of each event, until it stops
 *   virt-floor pause FILE           as deploy, but it does not run
 *   virt-floor usage TIMES          all domains' figures
 *   virt-floor cancel-all PREFIX    all domains of such names
 */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int stopped, with_times;

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
    if (with_times) {
        struct timespec now;

        (void)clock_gettime(CLOCK_REALTIME, &now);
        (void)printf("%lld.%09ld\n", (long long)now.tv_sec, now.tv_nsec);
        (void)fflush(stdout);
    }
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
    if (with_times) {
        (void)puts("ready");
        (void)fflush(stdout);
    }
    while (!stopped) {
        if (virEventRunDefaultImpl() < 0)
            return -1;
    }
    return 0;
}

static int
usage(virConnectPtr conn, int times)
{
    unsigned stats = VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL |
                     VIR_DOMAIN_STATS_BALLOON | VIR_DOMAIN_STATS_INTERFACE |
                     VIR_DOMAIN_STATS_BLOCK;
    unsigned flags = VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE |
                     VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT;

    while (times-- > 0) {
        virDomainStatsRecordPtr *records;

        if (virConnectGetAllDomainStats(conn, stats, &records, flags) < 0)
            return -1;
        virDomainStatsRecordListFree(records);
    }
    return 0;
}

static int
cancel_all(virConnectPtr conn, const char *prefix)
{
    virDomainPtr *domains;
    int n = virConnectListAllDomains(conn, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    int result = n < 0 ? -1 : 0;

    for (int i = 0; i < n; i++) {
        if (strncmp(virDomainGetName(domains[i]), prefix, strlen(prefix)) == 0 &&
            virDomainDestroyFlags(domains[i], 0) < 0)
            result = -1;
        virDomainFree(domains[i]);
    }
    if (n >= 0)
        free(domains);
    return result;
}

static int
act(virConnectPtr conn, char **argv)
{
    virDomainPtr domain;

    if (strcmp(argv[1], "deploy") == 0)
        return virDomainCreateXML(conn, read_file(argv[2]), 0) ? 0 : -1;
    if (strcmp(argv[1], "pause") == 0)
        return virDomainCreateXML(conn, read_file(argv[2]), VIR_DOMAIN_START_PAUSED) ? 0
                                                                                     : -1;
    if (strcmp(argv[1], "usage") == 0)
        return usage(conn, atoi(argv[2]));
    if (strcmp(argv[1], "cancel-all") == 0)
        return cancel_all(conn, argv[2]);
    domain = virDomainLookupByName(conn, argv[2]);
    if (domain == NULL)
        return -1;
    if (strcmp(argv[1], "cancel") == 0)
        return virDomainDestroyFlags(domain, 0);
    if (strcmp(argv[1], "suspend") == 0)
        return virDomainSuspend(domain);
    if (strcmp(argv[1], "resume") == 0)
        return virDomainResume(domain);
    with_times = strcmp(argv[1], "times") == 0;
    if (with_times || strcmp(argv[1], "await") == 0)
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
