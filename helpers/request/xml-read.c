/* SPDX-License-Identifier: Apache-2.0 */
#define DRV_ALLOW_PRIVATE
#include <libxml/parser.h>
#include <string.h>

#include "base/error.h"
#include "request/dump.h"
#include "request/xml-private.h"

/* Texts may be as long as the document: libxml2's own limit is 10 MB, which a list of
 * hosts or a context may have.
 */
#define FLAGS (XML_PARSE_NONET | XML_PARSE_COMPACT | XML_PARSE_HUGE)

static void
keep_quiet(void *context, xmlError *error)
{
    (void)context;
    (void)error;
}

static gboolean
begins(const char *text, const char *end, const char *with)
{
    gsize n = strlen(with);

    return (gsize)(end - text) >= n && memcmp(text, with, n) == 0;
}

/* Before the first element: declarations could make a small document a large one. */
static gboolean
has_doctype(const char *text, gsize size)
{
    const char *end = text + size;

    for (;;) {
        const char *stop;

        while (text < end && g_ascii_isspace(*text))
            text++;
        if (begins(text, end, "<!--"))
            stop = "-->";
        else if (begins(text, end, "<?"))
            stop = "?>";
        else
            return begins(text, end, "<!");
        text = g_strstr_len(text, end - text, stop);
        if (text == NULL)
            return FALSE;
        text += strlen(stop);
    }
}

xmlDoc *
drv_xml_read(const char *what, const char *text, gsize size, GError **error)
{
    xmlDoc *doc;
    xmlError *why;
    g_autofree char *reason = NULL;

    if (size > DRV_DUMP_MAX) {
        (void)drv_throw(
            error, DRV_ERROR_DUMP, "%s is larger than %d bytes", what, DRV_DUMP_MAX);
        return NULL;
    }
    if (has_doctype(text, size)) {
        (void)drv_throw(
            error, DRV_ERROR_DUMP, "%s has a document type declaration", what);
        return NULL;
    }
    xmlSetStructuredErrorFunc(NULL, keep_quiet);
    doc = xmlReadMemory(text, (int)size, NULL, NULL, FLAGS);
    if (doc)
        return doc;
    why = xmlGetLastError();
    reason = g_strdup(why && why->message ? why->message : "empty");
    (void)drv_throw(
        error, DRV_ERROR_DUMP, "%s is not XML (%s)", what, g_strstrip(reason));
    return NULL;
}
