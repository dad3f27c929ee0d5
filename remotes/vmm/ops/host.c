/* SPDX-License-Identifier: Apache-2.0 */
/* What an action does to the host besides libvirt. */
#include "vmm/ops/host.h"

#include <unistd.h>

#include "base/action.h"
#include "base/error.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "vmm/ops/session.h"

#define HELPER_TIMEOUT_MS 60000
#define COMPACT_TIMEOUT_MS 60000

void
vmm_compact_memory(const DrvConfig *config, gboolean stop)
{
    const char *name = stop ? "CLEANUP_MEMORY_ON_STOP" : "CLEANUP_MEMORY_ON_START";
    g_autoptr(DrvCmd) cmd = drv_cmd_new(
        "sudo", "-n", "sysctl", "vm.drop_caches=3", "vm.compact_memory=1", NULL);
    g_autoptr(GError) error = NULL;

    if (!vmm_config_bool(config, name, FALSE))
        return;
    drv_cmd_timeout(cmd, COMPACT_TIMEOUT_MS);
    if (!(stop ? drv_cmd_detach(cmd, &error) : drv_cmd_run(cmd, &error)))
        drv_ignore(&error, "memory is compacted later by the kernel");
}

gboolean
vmm_helper(
    const char *name, const char *word, const char *arg, const char *arg2, GError **error)
{
    g_autofree char *path = g_build_filename(drv_action_remotes_dir(), name, NULL);
    g_autoptr(DrvCmd) cmd = drv_cmd_new("sudo", "-n", path, word, arg, NULL);

    if (!g_file_test(path, G_FILE_TEST_IS_EXECUTABLE))
        return drv_throw(error, DRV_ERROR_UNSUPPORTED, "there is no '%s'", path);
    if (arg2)
        drv_cmd_arg(cmd, arg2);
    drv_cmd_timeout(cmd, HELPER_TIMEOUT_MS);
    return drv_cmd_run(cmd, error) || drv_prefix(error, "%s %s", name, word);
}

void
vmm_release_devices(DrvXml *domain, const char *directory)
{
    g_autofree char *vm_xml = g_build_filename(directory, "vm.xml", NULL);
    g_autoptr(GError) error = NULL;

    if (!drv_xml_has(domain, NULL, "/domain/devices/hostdev[@type='mdev']"))
        return;
    if (!vmm_helper("vgpu", "DELETE", vm_xml, NULL, &error))
        drv_warn("virtual GPUs are not released: %s", error->message);
}

void
vmm_keep_tpm(DrvXml *domain, const char *uuid, const char *directory)
{
    g_autoptr(GError) error = NULL;

    if (!drv_xml_has(domain, NULL, "/domain/devices/tpm/backend[@type='emulator']"))
        return;
    if (!vmm_helper("vtpm_setup", "backup", uuid, directory, &error))
        drv_warn("the TPM state is not kept: %s", error->message);
}

/* --- hooks -----------------------------------------------------------------------------
 */

gboolean
vmm_hook(const char *name,
         const char *tm_mad,
         const char *const *args,
         const char *document,
         gboolean *ran,
         GError **error)
{
    g_autofree char *file = g_strdup_printf("%s.%s", name, tm_mad);
    g_autofree char *path = g_build_filename(
        drv_action_remotes_dir(), "vmm", drv_action_driver(), file, NULL);
    g_autoptr(DrvCmd) cmd = NULL;

    *ran = FALSE;
    if (*tm_mad == '\0' || strchr(tm_mad, '/') ||
        !g_file_test(path, G_FILE_TEST_IS_EXECUTABLE))
        return TRUE;
    cmd = drv_cmd_new(path, NULL);
    if (!drv_cmd_input(cmd, STDIN_FILENO, document, error))
        return FALSE;
    for (guint i = 0; args[i]; i++)
        drv_cmd_arg(cmd, args[i]);
    *ran = TRUE;
    return drv_cmd_run(cmd, error) || drv_prefix(error, "%s", file);
}
