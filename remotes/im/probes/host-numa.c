/* SPDX-License-Identifier: Apache-2.0 */
/* Memory nodes with their distances, huge pages and cores. */
#include <string.h>

#include "im/base/im.h"

#define NODES "/sys/devices/system/node"

/* "node3" → "3" */
static const char *
number_of(const char *name)
{
    return name + strcspn(name, "0123456789");
}

/* Huge pages of one node.  @count names the file with their number, reported as @key; the
 * flat form of old front-ends reports both numbers.
 */
static void
add_pages(
    const ImContext *im, const char *node, gboolean total, gboolean unused, GString *out)
{
    g_autofree char *directory = g_strdup_printf(NODES "/%s/hugepages", node);
    g_autoptr(GPtrArray) sizes = im_list(im, directory, "hugepages-");

    for (guint i = 0; i < sizes->len; i++) {
        const char *size = g_ptr_array_index(sizes, i);
        guint64 pages = 0, left = 0;

        (void)im_read_number(im, &pages, "%s/%s/nr_hugepages", directory, size);
        (void)im_read_number(im, &left, "%s/%s/free_hugepages", directory, size);
        g_string_append_printf(out,
                               "HUGEPAGE = [ NODE_ID = \"%s\", SIZE = \"%.*s\"",
                               number_of(node),
                               (int)strspn(number_of(size), "0123456789"),
                               number_of(size));
        if (total)
            g_string_append_printf(out, ", PAGES = \"%" G_GUINT64_FORMAT "\"", pages);
        if (unused)
            g_string_append_printf(out, ", FREE = \"%" G_GUINT64_FORMAT "\"", left);
        g_string_append(out, " ]\n");
    }
}

typedef struct {
    guint64 node, distance;
} Distance;

static gint
by_distance(gconstpointer a, gconstpointer b)
{
    const Distance *one = a, *two = b;

    if (one->distance != two->distance)
        return one->distance < two->distance ? -1 : 1;
    return one->node < two->node ? -1 : 1;
}

/* Node numbers, nearest first.  The file counts only nodes that are there. */
static void
add_distances(const ImContext *im, const GPtrArray *nodes, const char *node, GString *out)
{
    g_autofree char *text = im_read(im, NODES "/%s/distance", node);
    g_auto(GStrv) words = g_strsplit(text ? text : "", " ", -1);
    g_autoptr(GArray) distances = g_array_new(FALSE, FALSE, sizeof(Distance));

    for (guint i = 0; words[i] && i < nodes->len; i++) {
        Distance distance = {
            g_ascii_strtoull(number_of(g_ptr_array_index(nodes, i)), NULL, 10),
            g_ascii_strtoull(words[i], NULL, 10),
        };

        g_array_append_val(distances, distance);
    }
    g_array_sort(distances, by_distance);
    g_string_append(out, ", DISTANCE = \"");
    for (guint i = 0; i < distances->len; i++)
        g_string_append_printf(out,
                               "%s%" G_GUINT64_FORMAT,
                               i ? " " : "",
                               g_array_index(distances, Distance, i).node);
    g_string_append_c(out, '"');
}

/* "Node 0 MemTotal:  123 kB" */
static gboolean
node_memory(const ImContext *im, const char *node, const char *key, guint64 *kib)
{
    g_autofree char *text = im_read(im, NODES "/%s/meminfo", node);
    g_autofree char *name = g_strdup_printf("Node %s %s", number_of(node), key);

    return text && im_field(text, name, kib);
}

/* "0-1,4" → "0,1,4"; caller frees. */
static char *
spell_out(const char *list)
{
    g_auto(GStrv) ranges = g_strsplit(list, ",", -1);
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint i = 0; ranges[i] && *ranges[i]; i++) {
        const char *dash = strchr(ranges[i], '-');
        guint64 from = g_ascii_strtoull(ranges[i], NULL, 10);
        guint64 to = dash ? g_ascii_strtoull(dash + 1, NULL, 10) : from;

        for (guint64 n = from; from <= to && n - from <= MIN(to - from, 4096); n++)
            g_string_append_printf(out, "%s%" G_GUINT64_FORMAT, out->len ? "," : "", n);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static void
add_cores(const ImContext *im, const char *node, GString *out)
{
    g_autofree char *directory = g_strdup_printf(NODES "/%s", node);
    g_autoptr(GPtrArray) cpus = im_list(im, directory, "cpu");
    g_autoptr(GHashTable) seen =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < cpus->len; i++) {
        const char *cpu = g_ptr_array_index(cpus, i);
        g_autofree char *id = im_read(im, "%s/%s/topology/core_id", directory, cpu);
        g_autofree char *list =
            im_read(im, "%s/%s/topology/thread_siblings_list", directory, cpu);
        g_autofree char *threads = list ? spell_out(list) : NULL;

        /* Numbers of cores repeat in other sockets of a node: threads do not. */
        if (id == NULL || threads == NULL || !g_hash_table_add(seen, g_strdup(threads)))
            continue;
        g_string_append_printf(
            out,
            "CORE = [ NODE_ID = \"%s\", ID = \"%s\", CPUS = \"%s\" ]\n",
            number_of(node),
            id,
            threads);
    }
}

static void
add_node(const ImContext *im,
         const GPtrArray *nodes,
         const char *node,
         gboolean facts,
         gboolean usage,
         GString *out)
{
    guint64 total, left;

    add_pages(im, node, facts, usage, out);
    if (facts)
        add_cores(im, node, out);
    if (!node_memory(im, node, "MemTotal", &total) ||
        !node_memory(im, node, "MemFree", &left))
        return;
    g_string_append_printf(out, "MEMORY_NODE = [ NODE_ID = \"%s\"", number_of(node));
    if (facts) {
        g_string_append_printf(out, ", TOTAL = \"%" G_GUINT64_FORMAT "\"", total);
        add_distances(im, nodes, node, out);
    }
    if (usage)
        g_string_append_printf(out,
                               ", FREE = \"%" G_GUINT64_FORMAT
                               "\", USED = \"%" G_GUINT64_FORMAT "\"",
                               left,
                               total - MIN(left, total));
    g_string_append(out, " ]\n");
}

static gboolean
add_nodes(const ImContext *im, gboolean facts, gboolean usage, GString *out)
{
    g_autoptr(GPtrArray) nodes = im_list(im, NODES, "node");

    for (guint i = 0; i < nodes->len; i++)
        add_node(im, nodes, g_ptr_array_index(nodes, i), facts, usage, out);
    return TRUE;
}

static gboolean
report_numa_host(ImContext *im, GString *out, GError **error G_GNUC_UNUSED)
{
    return add_nodes(im, TRUE, FALSE, out);
}

static gboolean
report_numa_usage(ImContext *im, GString *out, GError **error G_GNUC_UNUSED)
{
    return add_nodes(im, FALSE, TRUE, out);
}

static gboolean
report_flat_numa(ImContext *im, GString *out, GError **error G_GNUC_UNUSED)
{
    return add_nodes(im, TRUE, TRUE, out);
}

IM_PROBE_REGISTER(im_numa_host, report_numa_host);
IM_PROBE_REGISTER(im_numa_usage, report_numa_usage);
IM_PROBE_REGISTER(im_flat_numa, report_flat_numa);
