/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "base/action.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "cmd/cmd.h"
#include "request/progress.h"
#include "request/subject.h"
#include "tm/tm.h"
#include "transport/dispatch.h"

#define N_ARGS 5 /* without document and caller */

/* Up to 5.8 the document is the sixth argument, later it comes on stdin; a driver that
 * calls another adds its own name at the end (storage protocol 3.2).
 */
typedef struct {
    DrvDump *vm;
    gboolean in_argv;
    gboolean is_called; /* by another driver */
} MigrateInput;

static void
migrate_input_clear(MigrateInput *input)
{
    g_clear_pointer(&input->vm, drv_dump_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MigrateInput, migrate_input_clear)

static gboolean
read_input(MigrateInput *input, int argc, char **argv, GError **error)
{
    g_autoptr(GString) data = g_string_new(NULL);

    if (argc > N_ARGS + 1)
        input->vm = drv_dump_parse(argv[N_ARGS + 1], strlen(argv[N_ARGS + 1]), NULL);
    input->in_argv = input->vm != NULL;
    input->is_called = argc > N_ARGS + 1 + (input->in_argv ? 1 : 0);
    if (input->in_argv)
        return TRUE;
    if (!drv_fd_read_all(STDIN_FILENO, data, 2 * (gsize)DRV_DUMP_MAX, "the VM", error))
        return FALSE;
    input->vm = drv_dump_parse(data->str, data->len, error);
    return input->vm != NULL;
}

static gboolean
call_other(const MigrateInput *input, const char *mad, char **argv, GError **error)
{
    g_autofree char *program =
        g_build_filename(drv_action_remotes_dir(), "tm", mad, drv_action_name(), NULL);
    g_autoptr(DrvCmd) cmd = drv_cmd_new(program, NULL);
    g_autofree char *text = drv_dump_to_text(input->vm);
    g_autofree char *coded = g_base64_encode((const guchar *)text, strlen(text));

    for (int i = 1; i <= N_ARGS; i++)
        drv_cmd_arg(cmd, argv[i]);
    if (input->in_argv)
        drv_cmd_arg(cmd, coded);
    drv_cmd_arg(cmd, drv_action_driver());
    drv_cmd_keep_env(cmd, "ONE_LOCATION");
    drv_cmd_keep_env(cmd, "SSH_AUTH_SOCK");
    if (!g_file_test(program, G_FILE_TEST_IS_EXECUTABLE))
        return TRUE; /* a driver without this step */
    return (input->in_argv || drv_cmd_input(cmd, STDIN_FILENO, coded, error)) &&
           drv_cmd_run(cmd, error);
}

static gboolean
call_others(const MigrateInput *input, char **argv, GError **error)
{
    g_auto(GStrv) mads = drv_dump_values(input->vm, "TEMPLATE/DISK/TM_MAD");
    g_autofree char *own = g_strdup(drv_action_driver());
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    g_hash_table_add(seen, own);
    for (guint i = 0; mads[i]; i++) {
        if (*mads[i] == '\0' || strchr(mads[i], '/') || *mads[i] == '.' ||
            !g_hash_table_add(seen, mads[i]))
            continue;
        if (!call_other(input, mads[i], argv, error))
            return drv_prefix(error, "tm/%s/%s", mads[i], drv_action_name());
    }
    return TRUE;
}

static gboolean
run_step(const DrvOp *op, TmMigrate *request, int argc, char **argv, GError **error)
{
    g_auto(MigrateInput) input = { 0 };

    if (!drv_request_read_args(request, argc, argv, error))
        return FALSE;
    drv_subject_begin(drv_action_path(), request);
    drv_progress_publish(request->vm_id);
    if (!read_input(&input, argc, argv, error) ||
        !drv_request_read_dump(request, input.vm, error))
        return FALSE;
    request->is_called = input.is_called;
    if (g_str_equal(request->host, request->destination_host) &&
        request->old_ds_id == request->new_ds_id)
        return TRUE;
    if (!drv_dispatch(request->host, op, request, NULL, NULL, error))
        return FALSE;
    return input.is_called || call_others(&input, argv, error);
}

int
tm_migrate_main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TmMigrate) request = drv_request_new(&tm_migrate);
    const DrvOp *op;

    drv_action_init(argc, argv);
    op = drv_op_of_program(&error);
    if (op == NULL)
        return drv_action_fail(error);
    if (run_step(op, request, argc, argv, &error))
        return drv_action_done();
    (void)drv_prefix(&error,
                     "%s of VM %" G_GUINT64_FORMAT " failed",
                     drv_action_name(),
                     request->vm_id);
    return drv_action_fail(error);
}
