/* SPDX-License-Identifier: Apache-2.0 */
/* What libvirt says guests can be given: machines, CPU models and features, encryption.
 */
#include <string.h>

#include "base/error.h"
#include "im/base/im.h"

static void
add_word(GString *words, const char *separator, const char *word)
{
    if (words->len > 0)
        g_string_append(words, separator);
    g_string_append(words, word);
}

/* All machines of all guests this host can run with its own processor, each once. */
gboolean
im_parse_machines(const char *capabilities, GString *out, GError **error)
{
    g_autoptr(DrvXml) xml =
        drv_xml_parse("the host's capabilities", capabilities, -1, error);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GString) words = g_string_new(NULL);
    g_autofree char *arch = NULL;
    g_autoptr(GPtrArray) machines = NULL;

    if (xml == NULL)
        return FALSE;
    arch = drv_xml_text(xml, NULL, "host/cpu/arch");
    drv_xml_variable(xml, "arch", arch);
    machines = drv_xml_all(
        xml,
        NULL,
        "guest/arch[@name = $arch or ($arch = 'x86_64' and @name = 'i686')]//machine");
    for (guint i = 0; i < machines->len; i++) {
        g_autofree char *name = drv_xml_text(xml, g_ptr_array_index(machines, i), ".");

        if (*name && g_hash_table_add(seen, (gpointer)g_intern_string(name)))
            add_word(words, " ", name);
    }
    im_add(out, "KVM_MACHINES", words->str);
    return TRUE;
}

gboolean
im_parse_models(const char *domain_capabilities, GString *out, GError **error)
{
    g_autoptr(DrvXml) xml =
        drv_xml_parse("the guests' capabilities", domain_capabilities, -1, error);
    g_autoptr(GString) words = g_string_new(NULL);
    g_autofree char *host = NULL;
    g_autoptr(GPtrArray) models = NULL;

    if (xml == NULL)
        return FALSE;
    models =
        drv_xml_all(xml, NULL, "cpu/mode[@name = 'custom']/model[not(@usable = 'no')]");
    for (guint i = 0; i < models->len; i++) {
        g_autofree char *name = drv_xml_text(xml, g_ptr_array_index(models, i), ".");

        add_word(words, " ", name);
    }
    host = drv_xml_text(xml, NULL, "cpu/mode[@name = 'host-model']/model");
    im_add(out, "KVM_CPU_MODELS", words->str);
    im_add(out, "KVM_CPU_MODEL", host);
    return TRUE;
}

gboolean
im_parse_features(const char *cpu_xml, GString *out, GError **error)
{
    g_autoptr(DrvXml) xml = drv_xml_parse("the CPU", cpu_xml, -1, error);
    g_autoptr(GPtrArray) features = NULL;
    g_autoptr(GString) words = g_string_new(NULL);

    if (xml == NULL)
        return FALSE;
    features = drv_xml_all(xml, NULL, "feature[not(@policy = 'disable')]");
    for (guint i = 0; i < features->len; i++) {
        g_autofree char *name =
            drv_xml_text(xml, g_ptr_array_index(features, i), "@name");

        add_word(words, ",", name);
    }
    im_add(out, "KVM_CPU_FEATURES", words->str);
    return TRUE;
}

gboolean
im_parse_encryption(const char *domain_capabilities, GString *out, GError **error)
{
    static const struct {
        const char *path, *name;
    } kinds[] = {
        { "features/tdx[@supported = 'yes']", "TDX" },
        { "features/launchSecurity//value[. = 'tdx']", "TDX" },
        { "features/launchSecurity//value[. = 'sev-snp']", "SEV-SNP" },
        { "features/sev[@supported = 'yes'][maxESGuests > 0]", "SEV-ES" },
        { "features/sev[@supported = 'yes']", "SEV" },
    };
    g_autoptr(DrvXml) xml =
        drv_xml_parse("the guests' capabilities", domain_capabilities, -1, error);
    const char *found = "NONE";

    if (xml == NULL)
        return FALSE;
    for (guint i = G_N_ELEMENTS(kinds); i > 0; i--) {
        if (drv_xml_has(xml, NULL, kinds[i - 1].path))
            found = kinds[i - 1].name;
    }
    g_string_append_printf(out, "MEMORY_ENCRYPTION=%s\n", found);
    return TRUE;
}
