/* SPDX-License-Identifier: Apache-2.0 */
/* Words of `virsh migrate` (virtual machine protocol, section 5.4). */
#define DRV_ALLOW_VIRT
#include <string.h>

#include "base/error.h"
#include "virt/migration-private.h"

typedef struct {
    const char *word;
    unsigned flags;        /* set by it */
    const char *parameter; /* gets its value; NULL: it has none */
    int type;              /* of the parameter */
} Option;

static const Option options[] = {
    { "live", 0, NULL, 0 },
    { "verbose", 0, NULL, 0 },
    { "unsafe", VIR_MIGRATE_UNSAFE, NULL, 0 },
    { "compressed", VIR_MIGRATE_COMPRESSED, NULL, 0 },
    { "auto-converge", VIR_MIGRATE_AUTO_CONVERGE, NULL, 0 },
    { "abort-on-error", VIR_MIGRATE_ABORT_ON_ERROR, NULL, 0 },
    { "change-protection", VIR_MIGRATE_CHANGE_PROTECTION, NULL, 0 },
    { "persistent", VIR_MIGRATE_PERSIST_DEST, NULL, 0 },
    { "undefinesource", VIR_MIGRATE_UNDEFINE_SOURCE, NULL, 0 },
    { "suspend", VIR_MIGRATE_PAUSED, NULL, 0 },
    { "copy-storage-all", VIR_MIGRATE_NON_SHARED_DISK, NULL, 0 },
    { "copy-storage-inc", VIR_MIGRATE_NON_SHARED_INC, NULL, 0 },
    { "copy-storage-synchronous-writes",
      VIR_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES,
      NULL,
      0 },
    { "rdma-pin-all", VIR_MIGRATE_RDMA_PIN_ALL, NULL, 0 },
    { "postcopy", VIR_MIGRATE_POSTCOPY, NULL, 0 },
    { "parallel", VIR_MIGRATE_PARALLEL, NULL, 0 },
    { "tls", VIR_MIGRATE_TLS, NULL, 0 },
    { "zerocopy", VIR_MIGRATE_ZEROCOPY, NULL, 0 },
    { "p2p", VIR_MIGRATE_PEER2PEER, NULL, 0 },
    { "tunnelled", VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_TUNNELLED, NULL, 0 },
    { "auto-converge-initial",
      0,
      VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL,
      VIR_TYPED_PARAM_INT },
    { "auto-converge-increment",
      0,
      VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT,
      VIR_TYPED_PARAM_INT },
    { "parallel-connections",
      0,
      VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS,
      VIR_TYPED_PARAM_INT },
    { "bandwidth", 0, VIR_MIGRATE_PARAM_BANDWIDTH, VIR_TYPED_PARAM_ULLONG },
    { "postcopy-bandwidth",
      0,
      VIR_MIGRATE_PARAM_BANDWIDTH_POSTCOPY,
      VIR_TYPED_PARAM_ULLONG },
    { "migrateuri", 0, VIR_MIGRATE_PARAM_URI, VIR_TYPED_PARAM_STRING },
    { "listen-address", 0, VIR_MIGRATE_PARAM_LISTEN_ADDRESS, VIR_TYPED_PARAM_STRING },
    { "disks-port", 0, VIR_MIGRATE_PARAM_DISKS_PORT, VIR_TYPED_PARAM_INT },
    { "disks-uri", 0, VIR_MIGRATE_PARAM_DISKS_URI, VIR_TYPED_PARAM_STRING },
    { "tls-destination", 0, VIR_MIGRATE_PARAM_TLS_DESTINATION, VIR_TYPED_PARAM_STRING },
    { "comp-methods", 0, VIR_MIGRATE_PARAM_COMPRESSION, VIR_TYPED_PARAM_STRING },
    { "comp-mt-level", 0, VIR_MIGRATE_PARAM_COMPRESSION_MT_LEVEL, VIR_TYPED_PARAM_INT },
    { "comp-mt-threads",
      0,
      VIR_MIGRATE_PARAM_COMPRESSION_MT_THREADS,
      VIR_TYPED_PARAM_INT },
    { "comp-mt-dthreads",
      0,
      VIR_MIGRATE_PARAM_COMPRESSION_MT_DTHREADS,
      VIR_TYPED_PARAM_INT },
    { "comp-xbzrle-cache",
      0,
      VIR_MIGRATE_PARAM_COMPRESSION_XBZRLE_CACHE,
      VIR_TYPED_PARAM_ULLONG },
};

static const Option *
find_option(const char *word)
{
    for (guint i = 0; i < G_N_ELEMENTS(options); i++) {
        if (strcmp(options[i].word, word) == 0)
            return &options[i];
    }
    return NULL;
}

static gboolean
parse_number(const char *word, const char *value, guint64 max, guint64 *n, GError **error)
{
    if (value && g_ascii_string_to_unsigned(value, 10, 0, max, n, NULL))
        return TRUE;
    return drv_throw(
        error, DRV_ERROR_CONFIG, "migration option '--%s' needs a number", word);
}

static gboolean
add_parameter(DrvMigration *migration,
              const Option *option,
              const char *value,
              GError **error)
{
    virTypedParameterPtr *params = &migration->params;
    guint64 n = 0;

    if (value == NULL)
        return drv_throw(error,
                         DRV_ERROR_CONFIG,
                         "migration option '--%s' needs a value",
                         option->word);
    if (option->type != VIR_TYPED_PARAM_STRING &&
        !parse_number(option->word,
                      value,
                      option->type == VIR_TYPED_PARAM_INT ? G_MAXINT : G_MAXUINT64,
                      &n,
                      error))
        return FALSE;
    if (option->type == VIR_TYPED_PARAM_STRING)
        virTypedParamsAddString(params,
                                &migration->n_params,
                                &migration->max_params,
                                option->parameter,
                                value);
    else if (option->type == VIR_TYPED_PARAM_INT)
        virTypedParamsAddInt(params,
                             &migration->n_params,
                             &migration->max_params,
                             option->parameter,
                             (int)n);
    else
        virTypedParamsAddULLong(
            params, &migration->n_params, &migration->max_params, option->parameter, n);
    return TRUE;
}

/* What virsh does itself: after so many seconds, end the race with the guest. */
static gboolean
add_timeout(DrvMigration *migration, const char *word, const char *value, GError **error)
{
    guint64 seconds;

    if (strcmp(word, "timeout") == 0) {
        if (!parse_number(word, value, G_MAXINT / 1000, &seconds, error))
            return FALSE;
        migration->timeout_s = (guint)seconds;
    } else {
        migration->timeout_postcopy = strcmp(word, "timeout-postcopy") == 0;
    }
    return TRUE;
}

gboolean
drv_migration_add(DrvMigration *migration, const char *const *words, GError **error)
{
    for (guint i = 0; words[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(words[i], "=", 2);
        const char *word = g_str_has_prefix(parts[0], "--") ? parts[0] + 2 : "";
        gboolean timeout = g_str_has_prefix(word, "timeout");
        const Option *option = find_option(word);
        gboolean wants =
            timeout ? strcmp(word, "timeout") == 0 : option && option->parameter != NULL;
        const char *value = parts[1];

        if (strcmp(word, "no-live") == 0) { /* ours: virsh has no word for it */
            migration->flags &= ~(unsigned)VIR_MIGRATE_LIVE;
            continue;
        }
        if (option == NULL &&
            !(timeout && (word[7] == '\0' || strcmp(word + 7, "-suspend") == 0 ||
                          strcmp(word + 7, "-postcopy") == 0)))
            return drv_throw(
                error, DRV_ERROR_CONFIG, "migration option '%s' is not known", words[i]);
        if (wants && value == NULL && words[i + 1])
            value = words[++i];
        if (timeout ? !add_timeout(migration, word, value, error)
                    : wants && !add_parameter(migration, option, value, error))
            return FALSE;
        migration->flags |= option ? option->flags : 0;
    }
    return TRUE;
}

DrvMigration *
drv_migration_new(const char *text, GError **error)
{
    g_autoptr(DrvMigration) migration = g_new0(DrvMigration, 1);
    g_auto(GStrv) words = g_strsplit_set(text, " \t", -1);
    guint kept = 0;

    for (guint i = 0; words[i]; i++) { /* between two spaces is no word */
        if (*words[i])
            words[kept++] = words[i];
        else
            g_free(words[i]);
    }
    words[kept] = NULL;
    migration->flags = VIR_MIGRATE_LIVE;
    if (!drv_migration_add(migration, (const char *const *)words, error))
        return NULL;
    return g_steal_pointer(&migration);
}

void
drv_migration_free(DrvMigration *migration)
{
    if (migration == NULL)
        return;
    virTypedParamsFree(migration->params, migration->n_params);
    g_free(migration);
}

gboolean
drv_migration_pause(DrvMigration *migration)
{
    if (migration->flags & VIR_MIGRATE_POSTCOPY)
        return FALSE;
    migration->flags |= VIR_MIGRATE_PAUSED;
    return TRUE;
}

void
drv_migration_copy_disk(DrvMigration *migration, const char *target)
{
    migration->flags |= VIR_MIGRATE_NON_SHARED_DISK;
    virTypedParamsAddString(&migration->params,
                            &migration->n_params,
                            &migration->max_params,
                            VIR_MIGRATE_PARAM_MIGRATE_DISKS,
                            target);
}

void
drv_migration_xml(DrvMigration *migration, const char *xml)
{
    virTypedParamsAddString(&migration->params,
                            &migration->n_params,
                            &migration->max_params,
                            VIR_MIGRATE_PARAM_DEST_XML,
                            xml);
}
