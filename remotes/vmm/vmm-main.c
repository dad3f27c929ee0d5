/* SPDX-License-Identifier: Apache-2.0 */
/* One action of a hypervisor driver, from argv and stdin to its answer. */
#include "vmm/vmm.h"

#include <string.h>
#include <unistd.h>

#include "base/action.h"
#include "base/error.h"
#include "base/fd.h"
#include "request/subject.h"

static gboolean
is_blank(const GString *text)
{
    return strspn(text->str, " \t\r\n") == text->len;
}

/* From stdin; or from argv, where some actions have it too: a way around stdin that was
 * lost.
 */
static gboolean
read_text(const VmmAction *action, int argc, char **argv, GString *text, GError **error)
{
    if (!isatty(STDIN_FILENO) &&
        !drv_fd_read_all(STDIN_FILENO, text, 2 * (gsize)DRV_DUMP_MAX, "stdin", error))
        return FALSE;
    if (is_blank(text) && action->document_arg > 0 && action->document_arg < argc)
        g_string_assign(text, argv[action->document_arg]);
    return TRUE;
}

static DrvDump *
parse_text(const VmmAction *action, const GString *text, GError **error)
{
    g_autofree char *repaired = action->repair ? action->repair(text->str) : NULL;

    if (repaired)
        return drv_dump_parse(repaired, strlen(repaired), error);
    return drv_dump_parse(text->str, text->len, error);
}

/* The document as plain XML, known to be whole.  A domain's own XML is not a document of
 * the front-end's, but the same holds for it.
 */
static gboolean
read_document(
    const VmmAction *action, VmmHead *request, int argc, char **argv, GError **error)
{
    static const char none[] = "<NONE/>";
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(DrvDump) dump = NULL;

    if (!read_text(action, argc, argv, text, error))
        return FALSE;
    dump = is_blank(text) ? drv_dump_parse(none, strlen(none), error)
                          : parse_text(action, text, error);
    if (dump == NULL || !drv_request_read_dump(request, dump, error))
        return FALSE;
    g_free(request->xml);
    request->xml = is_blank(text) ? g_strdup("") : drv_dump_to_text(dump);
    return TRUE;
}

static char *
subject_of(const VmmHead *request)
{
    if (*request->vm_id)
        return g_strdup_printf("VM %s", request->vm_id);
    return g_strdup_printf("domain '%s'", request->deploy_id);
}

static gboolean
run_action(const VmmAction *action,
           VmmHead *request,
           int argc,
           char **argv,
           char **result,
           GError **error)
{
    const DrvOp *op = drv_op_of_program(error);
    g_autofree char *subject = NULL;

    if (op == NULL || !drv_request_read_args(request, argc, argv, error))
        return FALSE;
    drv_subject_begin(drv_action_path(), request);
    if (read_document(action, request, argc, argv, error) &&
        op->run(request, NULL, result, error))
        return TRUE;
    subject = subject_of(request);
    return drv_prefix(error, "cannot %s %s", action->what, subject);
}

int
vmm_main(int argc, char **argv, const VmmAction *action)
{
    g_autoptr(DrvRequest) request = drv_request_new(action->type);
    g_autoptr(GError) error = NULL;
    g_autofree char *result = NULL;

    drv_action_init(argc, argv);
    if (!run_action(action, (VmmHead *)request, argc, argv, &result, &error))
        return drv_action_fail(error);
    return result ? drv_action_reply("%s", result) : drv_action_done();
}
