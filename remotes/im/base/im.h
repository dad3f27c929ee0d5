/* SPDX-License-Identifier: Apache-2.0 */
/* im.h - the monitoring probes: what they are given, and how they say what they found.
 *
 * A probe is a function that appends lines of the template grammar (virtual machine
 * protocol, section 3.3) to a text.  Each is installed as an executable of its own, and
 * the monitoring client calls those that are ours without starting a process.
 *
 *     IM_PROBE_REGISTER(im_fact, report_fact);   below the function, in im/probes
 *     IM_PROBE(im_fact)                          the whole source of such an executable
 */
#pragma once

#include <glib.h>

#include "request/xml.h"
#include "virt/stats.h"
#include "virt/virt.h"

typedef struct ImSamples ImSamples;
typedef struct ImStates ImStates;

/* What probes are given, and what they keep from one run to the next.  Used by one thread
 * at a time.
 */
typedef struct {
    char *root;       /* where /proc and /sys are: "", or a directory in tests */
    char *hypervisor; /* "kvm", "qemu" */
    gint64 host_id;
    char *host_name;
    char *db;          /* directory for what must last */
    DrvXml *config;    /* MONITOR_CONFIGURATION; without content before 5.12 */
    char *ds_location; /* directory of the datastores */
    DrvVirt *virt;     /* see im_virt() */
    void (*virt_close)(DrvVirt *virt);
    GError *virt_hung; /* why it could not be connected in time, and when */
    gint64 virt_hung_at;
    ImSamples *samples; /* of counters; see im_samples() */
    ImStates *states;   /* of VMs; see im/state/states.h */
    void (*states_free)(ImStates *states);
    GHashTable *guests;    /* see im_vm_guest() */
    GHashTable *forecasts; /* see forecast.h */
    gboolean lasting;      /* the client: memory serves instead of files in db */
} ImContext;

/* @config is the XML or NULL; takes nothing over.  NULL with @error when it is no XML. */
ImContext *im_context_new(const char *hypervisor,
                          const char *host_id,
                          const char *host_name,
                          const char *config,
                          GError **error);
void im_context_free(ImContext *im);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImContext, im_context_free)

/* libvirt, connected at first use and again after it was lost.  Owned by @im. */
DrvVirt *im_virt(ImContext *im, GError **error);
/* Forget the connection: a call on it has failed. */
void im_virt_drop(ImContext *im);

/* A number of the configuration ("PROBES_PERIOD/STATE_VM"). */
guint64 im_config_number(const ImContext *im, const char *path, guint64 fallback);

/* Value of a key ("a", or "a/b" within it) in <remotes>/etc/im/kvm-probes.d/@file, which
 * is YAML: one text, or the items of a list; NULL-terminated; caller frees.
 */
char **im_conf_values(const char *file, const char *key);
/* The same of a mapping: name, value, name, value … */
char **im_conf_pairs(const char *file, const char *key);
gboolean im_conf_flag(const char *file, const char *key, gboolean fallback);
guint64 im_conf_number(const char *file, const char *key, guint64 fallback);

/* A probe registers itself, as an op does, and has a name of its own in the program. */
typedef struct {
    const char *name; /* "im_date", as its variable */
    gboolean (*run)(ImContext *im, GString *out, GError **error);
} ImProbe;

/* All registered probes of a program lie in one section, so that the client needs no
 * list.
 */
#define IM_PROBE_REGISTER(probe, function)                                               \
    const ImProbe probe = { #probe, function };                                          \
    static const ImProbe *const probe##_entry                                            \
        __attribute__((section("im_probes"), used)) = &probe

/* The tree these programs are of, known from argv[0]; call instead of drv_action_init().
 */
void im_init(int argc, char **argv);

/* All of a probe's process.  @mark: IM_MARK and the probe's name, see below. */
int im_main(int argc, char **argv, const char *mark, const ImProbe *probe);

/* Executables carry their probe's name, by which the client knows them. */
#define IM_MARK "one-native probe="
#define IM_PROBE(probe)                                                                  \
    extern const ImProbe probe;                                                          \
    int main(int argc, char **argv)                                                      \
    {                                                                                    \
        return im_main(argc, argv, IM_MARK #probe, &probe);                              \
    }

/* --- text ----------------------------------------------------------------------------
 */

/* Append KEY="value" and a line break, whatever is in @value. */
void im_add(GString *out, const char *key, const char *value);
void im_addf(GString *out, const char *key, const char *format, ...) G_GNUC_PRINTF(3, 4);
void im_add_number(GString *out, const char *key, guint64 value);
/* Quoted, with two places, whatever the locale. */
void im_add_decimal(GString *out, const char *key, double value);
/* The value with its quotes. */
void im_quote(GString *out, const char *value);
/* VM = [ ID="id", DEPLOY_ID="uuid", MONITOR="base64 of text" ] */
void im_add_vm(GString *out, gint64 id, const char *deploy_id, const char *text);

/* --- files ----------------------------------------------------------------------------
 */

/* Content of a file below im->root, its last line break taken off; NULL when there is
 * none.  Caller frees.
 */
char *im_read(const ImContext *im, const char *format, ...) G_GNUC_PRINTF(2, 3);
gboolean im_read_number(const ImContext *im, guint64 *value, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/* Names in a directory below im->root that begin with @prefix and go on with a digit, by
 * number; or all for "", by name.  Never NULL; caller frees.
 */
GPtrArray *im_list(const ImContext *im, const char *directory, const char *prefix);
/* "Name:  123 kB" of the files in /proc; FALSE when it is not there. */
gboolean im_field(const char *text, const char *name, guint64 *value);

/* --- counters ------------------------------------------------------------------------
 */

/* The counter @name's value at an earlier time, and the time since in microseconds; keeps
 * @now as the next one's earlier value.  FALSE when there is none that is of use.
 */
gboolean
im_since(ImContext *im, const char *name, guint64 now, guint64 *then, gint64 *us);
/* TRUE when there is such a value. */
gboolean im_knows(ImContext *im, const char *name);
/* Between two looks at counters when nothing earlier is known. */
#define IM_SAMPLE_MS 500
gboolean im_pause(guint ms, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void im_samples_free(ImSamples *samples);
/* Write them to im->db, unless lasting. */
void im_samples_save(ImContext *im);

/* --- probes --------------------------------------------------------------------------
 */

/* Parts of them that look at text only. */
gboolean im_parse_machines(const char *capabilities, GString *out, GError **error);
gboolean im_parse_models(const char *domain_capabilities, GString *out, GError **error);
gboolean im_parse_features(const char *cpu_xml, GString *out, GError **error);
gboolean
im_parse_encryption(const char *domain_capabilities, GString *out, GError **error);
char *im_import_template(const char *domain_xml, GError **error);

/* Number of "one-<number>"; -1 for other names. */
gint64 im_vm_id(const char *name);
/* KiB each domain has swapped out, by UUID (char * → guint64 *); caller frees. */
GHashTable *im_swapped(const ImContext *im);
/* TRUE when this front-end can have VMs that it did not start. */
gboolean im_has_imported(void);
/* REPLICA_CACHE = "YES", … of the datastore's directory @path. */
void im_add_replicas(const char *path, GString *out);

/* What the host uses: percent of one CPU, KiB, bytes since it started.  CPU time is that
 * since @who last asked.
 */
typedef struct {
    guint64 used_cpu, free_cpu, used_memory, free_memory, net_rx, net_tx;
} ImHostUsage;
gboolean
im_host_usage(ImContext *im, const char *who, ImHostUsage *usage, GError **error);

/* Percent of one CPU since the record's last time, or -1 without one. */
double im_cpu_percent(ImContext *im, const DrvStats *vm);
/* See that there is an earlier value of every domain's CPU time; returns their state. */
GPtrArray *im_sampled_stats(ImContext *im, GError **error);
