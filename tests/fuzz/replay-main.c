/* SPDX-License-Identifier: Apache-2.0 */
/* replay-main.c - run a fuzz harness over its corpus, without libFuzzer: as a test.
 *
 *   fuzz-NAME [file...]      without files: tests/fuzz/corpus/NAME
 */
#include <glib.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static gboolean
replay(const char *path)
{
    g_autofree char *data = NULL;
    gsize size;

    if (!g_file_get_contents(path, &data, &size, NULL))
        return FALSE;
    LLVMFuzzerTestOneInput((const uint8_t *)data, size);
    return TRUE;
}

static GPtrArray *
corpus_of(const char *name)
{
    g_autofree char *directory = g_build_filename("tests/fuzz/corpus", name, NULL);
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    const char *entry;

    while (dir && (entry = g_dir_read_name(dir)) != NULL)
        g_ptr_array_add(paths, g_build_filename(directory, entry, NULL));
    return paths;
}

int
main(int argc, char **argv)
{
    g_autofree char *program = g_path_get_basename(argv[0]);
    g_autoptr(GPtrArray) paths = corpus_of(program + strlen("fuzz-"));
    gboolean ok = TRUE;

    if (argc > 1 && argv[1][0] != '-')
        g_ptr_array_set_size(paths, 0);
    for (int i = 1; i < argc; i++)
        if (argv[i][0] != '-')
            g_ptr_array_add(paths, g_strdup(argv[i]));
    for (guint i = 0; i < paths->len; i++)
        ok = replay(g_ptr_array_index(paths, i)) && ok;
    printf("1..1\n%s 1 - %s: %u inputs\n",
           ok && paths->len > 0 ? "ok" : "not ok",
           program,
           paths->len);
    return ok && paths->len > 0 ? 0 : 1;
}
