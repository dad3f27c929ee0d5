/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/common/document.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

/* The next line, without its end; NULL: there is none.  What comes behind it is kept. */
static char *
next_line(gsize max_size, GError **error)
{
    static GString *unread;
    char buffer[65536], *end, *line;
    gssize n = 1;

    if (unread == NULL)
        unread = g_string_new(NULL);
    while ((end = memchr(unread->str, '\n', unread->len)) == NULL && n > 0) {
        n = drv_fd_read(STDIN_FILENO, buffer, sizeof buffer, "stdin", error);
        if (n < 0)
            return NULL;
        g_string_append_len(unread, buffer, n);
        if (unread->len > max_size) {
            (void)drv_throw(
                error, DRV_ERROR_FAILED, "stdin is larger than %zu bytes", max_size);
            return NULL;
        }
    }
    if (unread->len == 0)
        return NULL;
    line = g_strndup(unread->str, end ? (gsize)(end - unread->str) : unread->len);
    g_string_erase(unread, 0, end ? end + 1 - unread->str : -1);
    return line;
}

static gboolean
answer_to(const char *path, GError **error)
{
    g_auto(DrvFd) fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
        return drv_throw_errno(error, "cannot write '%s'", path);
    return TRUE;
}

json_object *
agent_document_next(gsize max_size, GError **error)
{
    g_autofree char *line = next_line(max_size, error);
    g_autoptr(json_object) document =
        line ? drv_json_parse_object("stdin", line, -1, error) : NULL;
    const char *output = drv_json_text(document, "output", NULL);

    if (output && !answer_to(output, error))
        return NULL;
    return g_steal_pointer(&document);
}
