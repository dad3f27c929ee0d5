/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/kvm/domain/deploy-xml.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "cmd/cmd.h"
#include "image/inspect.h"
#include "source/extract.h"
#include "source/unpack.h"
#include "stage/stage.h"
#include "vmm/ops/host.h"

#define DEFAULT_NVRAM "/usr/share/OVMF/OVMF_VARS.fd"
#define TPM_MAX_SIZE ((guint64)16 << 20) /* swtpm keeps some 10 KiB */
#define TPM_MAX_ENTRIES 64

/* --- links
 * ------------------------------------------------------------------------------ */

/* ".../disk.N": only links that drivers made are looked through. */
static gboolean
is_disk_path(const char *path)
{
    const char *name = strrchr(path, '/');

    return name && g_str_has_prefix(name, "/disk.") && name[6] != '\0' &&
           strspn(name + 6, "0123456789") == strlen(name + 6);
}

char *
kvm_link_target(const char *path)
{
    g_autofree char *text = is_disk_path(path) ? g_file_read_link(path, NULL) : NULL;
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *target = NULL;

    if (text == NULL)
        return NULL;
    target = *text == '/' ? g_strdup(text) : g_build_filename(directory, text, NULL);
    return g_file_test(target, G_FILE_TEST_EXISTS) ? g_steal_pointer(&target) : NULL;
}

void
kvm_resolve_links(DrvXml *domain)
{
    g_autoptr(GPtrArray) sources = drv_xml_all(
        domain,
        NULL,
        "/domain/devices/disk[@type='file' and (not(@device) or @device='disk')]/source");

    for (guint i = 0; i < sources->len; i++) {
        DrvNode *source = g_ptr_array_index(sources, i);
        g_autofree char *file = drv_xml_text(domain, source, "@file");
        g_autofree char *target = kvm_link_target(file);

        drv_xml_node_set(source, "file", target);
    }
}

/* --- UEFI variables
 * ----------------------------------------------------------------------
 */

static gboolean
format_of(const char *path, const char **format, GError **error)
{
    g_auto(DrvImageInfo) info = { 0 };

    if (!drv_inspect_file(AT_FDCWD, path, DRV_INSPECT_FOLLOW, &info, error))
        return FALSE;
    *format = drv_inspect_format_name(info.format);
    return TRUE;
}

/* Make @path in @format from @from: aside, then in its place. */
static gboolean
convert(const char *from, const char *path, const char *format, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    g_auto(DrvFd) fd = drv_path_make_dir(directory, error);
    g_autoptr(DrvStage) stage =
        fd < 0 ? NULL : drv_stage_open(fd, directory, "nvram", error);
    g_autoptr(DrvCmd) cmd = NULL;
    const char *was;

    if (stage == NULL || !format_of(from, &was, error))
        return FALSE;
    cmd = drv_cmd_new("qemu-img", "convert", "-f", was, "-O", format, from, NULL);
    drv_cmd_argf(cmd, "%s/vars", drv_stage_path(stage));
    if (!drv_cmd_run(cmd, error))
        return FALSE;
    drv_stage_publish(stage, "vars", name);
    return drv_stage_commit(stage, error);
}

gboolean
kvm_make_nvram(DrvXml *domain, const DrvConfig *config, GError **error)
{
    g_autofree char *path = drv_xml_get(domain, NULL, "/domain/os/nvram");
    g_autofree char *format = drv_xml_get(domain, NULL, "/domain/os/nvram/@format");
    const char *want = format ? format : "raw";
    const char *have;

    if (path == NULL)
        return TRUE;
    if (!drv_request_check_path("nvram", path, error))
        return FALSE;
    if (strcmp(want, "raw") != 0 && strcmp(want, "qcow2") != 0)
        return drv_throw(error, DRV_ERROR_REFUSED, "unsupported NVRAM format '%s'", want);
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return convert(drv_config_get(config, "OVMF_NVRAM", DEFAULT_NVRAM),
                       path,
                       want,
                       error) ||
               drv_prefix(error, "cannot create the UEFI variables '%s'", path);
    if (!format_of(path, &have, error))
        return FALSE;
    return strcmp(have, want) == 0 || convert(path, path, want, error) ||
           drv_prefix(error, "cannot convert the UEFI variables '%s'", path);
}

/* --- TPM
 * --------------------------------------------------------------------------------- */

/* What a user kept of an earlier VM's TPM, as base64 of a .tar.gz with a directory "tpm":
 * all of it, or nothing.
 */
static gboolean
unpack_tpm(const char *state, const char *directory, GError **error)
{
    static const DrvExtractLimits limits = { .max_bytes = TPM_MAX_SIZE,
                                             .max_entries = TPM_MAX_ENTRIES };
    g_auto(DrvFd) dir = drv_path_open_dir(directory, error);
    g_autoptr(DrvStage) stage =
        dir < 0 ? NULL : drv_stage_open(dir, directory, "tpm", error);
    g_autoptr(DrvSource) source = NULL;
    g_autofree guchar *bytes = NULL;
    gsize size;

    if (stage == NULL)
        return FALSE;
    bytes = g_base64_decode(state, &size);
    source = drv_source_new_unpacked(
        drv_source_new_memory(bytes, size, "TPM_STATE"), NULL, error);
    if (source == NULL ||
        !drv_extract_tar(
            source, "tpm", drv_stage_fd(stage), drv_stage_path(stage), &limits, error))
        return FALSE;
    drv_stage_publish(stage, "tpm", "tpm");
    return drv_stage_commit(stage, error);
}

static char *
kept_tpm(const char *directory)
{
    g_autofree char *path = g_build_filename(directory, "vm.xml", NULL);
    g_autofree char *text = NULL;
    g_autoptr(DrvXml) vm = NULL;
    gsize size;

    if (!g_file_get_contents(path, &text, &size, NULL))
        return NULL;
    vm = drv_xml_parse(path, text, (gssize)size, NULL);
    return vm ? drv_xml_get(vm, NULL, "/VM/USER_TEMPLATE/TPM_STATE") : NULL;
}

gboolean
kvm_recover_tpm(DrvXml *domain, const char *directory, GError **error)
{
    g_autofree char *dir = g_build_filename(directory, "tpm", NULL);
    g_autofree char *uuid = drv_xml_text(domain, NULL, "/domain/uuid");
    g_autofree char *state = NULL;

    if (!drv_xml_has(domain, NULL, "/domain/devices/tpm/backend[@type='emulator']"))
        return TRUE;
    if (!g_file_test(dir, G_FILE_TEST_IS_DIR)) {
        state = kept_tpm(directory);
        if (state && !unpack_tpm(state, directory, error))
            return drv_prefix(error, "cannot unpack the TPM's state");
    }
    if (!g_file_test(dir, G_FILE_TEST_IS_DIR))
        return TRUE; /* a new one, then */
    return vmm_helper("vtpm_setup", "recover", uuid, directory, error);
}
