/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vmm.h"

#include <string.h>
#include <unistd.h>

#include "base/action.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"

#define DOCUMENT_ARG 4 /* of attach_disk and resize_disk, when stdin has none */

/* --- reading
 * ---------------------------------------------------------------------------- */

static gboolean
read_stdin(GString *text, GError **error)
{
    if (isatty(STDIN_FILENO))
        return TRUE;
    return drv_fd_read_all(STDIN_FILENO, text, 2 * (gsize)DRV_DUMP_MAX, "stdin", error);
}

static gboolean
is_blank(const GString *text)
{
    return strspn(text->str, " \t\r\n") == text->len;
}

/* attach_disk and resize_disk have it in argv, too: a way around stdin that was lost. */
static void
take_from_argv(const DrvRequestType *type, int argc, char **argv, GString *text)
{
    gboolean in_argv = type == &vmm_attach_disk || type == &vmm_resize_disk;
    int n = type == &vmm_attach_disk ? DOCUMENT_ARG + 1 : DOCUMENT_ARG;

    if (in_argv && n < argc)
        g_string_assign(text, argv[n]);
}

static DrvDump *
parse(const DrvRequestType *type, const GString *text, GError **error)
{
    g_autofree char *mended = type == &vmm_deploy ? vmm_repair_domain(text->str) : NULL;

    if (mended)
        return drv_dump_parse(mended, strlen(mended), error);
    return drv_dump_parse(text->str, text->len, error);
}

/* The document as plain XML, known to be whole.  A domain's own XML is not a document of
 * the front-end's, but the same holds for it.
 */
static gboolean
read_document(VmmHead *request, int argc, char **argv, GError **error)
{
    const DrvRequestType *type = request->head.type;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(DrvDump) dump = NULL;

    if (!read_stdin(text, error))
        return FALSE;
    if (is_blank(text))
        take_from_argv(type, argc, argv, text);
    g_free(request->xml);
    request->xml = g_strdup("");
    if (is_blank(text)) {
        dump = drv_dump_parse("<NONE/>", 7, error);
        return dump && drv_request_read_dump(request, dump, error);
    }
    dump = parse(type, text, error);
    if (dump == NULL || !drv_request_read_dump(request, dump, error))
        return FALSE;
    g_free(request->xml);
    request->xml = drv_dump_to_text(dump);
    return TRUE;
}

static void
free_request(VmmHead **request)
{
    if (*request)
        g_free((*request)->xml); /* in no field table: it does not travel */
    drv_request_free(*request);
}

static gboolean
run(const DrvOp *op,
    int argc,
    char **argv,
    VmmHead *request,
    char **result,
    GError **error)
{
    if (!drv_request_read_args(request, argc, argv, error) ||
        !read_document(request, argc, argv, error))
        return FALSE;
    return op->run(request, NULL, result, error);
}

static char *
subject_of(const VmmHead *request)
{
    if (*request->vm_id)
        return g_strdup_printf("VM %s", request->vm_id);
    return g_strdup_printf("domain '%s'", request->deploy_id);
}

int
vmm_main(int argc, char **argv, const DrvRequestType *type, const char *what)
{
    __attribute__((cleanup(free_request))) VmmHead *head = drv_request_new(type);
    g_autoptr(GError) error = NULL;
    g_autofree char *result = NULL;
    const DrvOp *op;

    drv_action_init(argc, argv);
    op = drv_op_of_program(&error);
    if (op == NULL)
        return drv_action_fail(error);
    if (run(op, argc, argv, head, &result, &error))
        return result ? drv_action_reply("%s", result) : drv_action_done();
    if (drv_error_code(error) != DRV_ERROR_USAGE) {
        g_autofree char *subject = subject_of(head);

        (void)drv_prefix(&error, "cannot %s %s", what, subject);
    }
    return drv_action_fail(error);
}

/* --- for ops
 * ----------------------------------------------------------------------------- */

DrvConfig *
vmm_config(GError **error)
{
    g_autofree char *new_place =
        g_build_filename(drv_action_remotes_dir(), "etc/vmm/kvm/kvmrc", NULL);

    if (g_file_test(new_place, G_FILE_TEST_EXISTS))
        return drv_config_load("vmm/kvm/kvmrc", error);
    return drv_config_load("../vmm/kvm/kvmrc", error);
}

DrvVirt *
vmm_open(const DrvConfig *config, GError **error)
{
    return drv_virt_open(drv_config_get(config, "LIBVIRT_URI", "qemu:///system"), error);
}

DrvDomain *
vmm_find(DrvVirt *virt, const VmmHead *request, GError **error)
{
    return drv_virt_find(virt, request->deploy_id, error);
}

DrvXml *
vmm_document(const VmmHead *request, GError **error)
{
    return drv_xml_parse(
        "stdin", *request->xml ? request->xml : "<VMM_DRIVER_ACTION_DATA/>", -1, error);
}

gboolean
vmm_config_bool(const DrvConfig *config, const char *name, gboolean fallback)
{
    g_autoptr(GError) error = NULL;
    gboolean value;

    if (drv_config_get_bool(config, name, fallback, &value, &error))
        return value;
    drv_warn("kvmrc: %s", error->message);
    return fallback;
}

guint
vmm_config_uint(const DrvConfig *config, const char *name, guint fallback)
{
    g_autoptr(GError) error = NULL;
    guint64 value;

    if (drv_config_get_uint(config, name, fallback, &value, &error))
        return (guint)MIN(value, G_MAXINT);
    drv_warn("kvmrc: %s", error->message);
    return fallback;
}
