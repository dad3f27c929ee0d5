/* SPDX-License-Identifier: Apache-2.0 */
#include "request/dump.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "request/xml.h"

struct DrvDump {
    DrvXml *xml;
    gboolean from_stdin;
};

void
drv_dump_free(DrvDump *dump)
{
    if (dump == NULL)
        return;
    g_clear_pointer(&dump->xml, drv_xml_free);
    g_free(dump);
}

static DrvDump *
parse_xml(const char *text, gsize size, GError **error)
{
    DrvXml *xml = drv_xml_parse("the dump", text, (gssize)size, error);
    DrvDump *dump;

    if (xml == NULL)
        return NULL;
    dump = g_new0(DrvDump, 1);
    dump->xml = xml;
    return dump;
}

DrvDump *
drv_dump_parse(const char *data, gsize size, GError **error)
{
    const char *at = data;
    const char *end = data + size;
    g_autofree char *copy = NULL;
    g_autofree guchar *xml = NULL;
    gsize xml_size;

    while (at < end && g_ascii_isspace(*at))
        at++;
    if (at < end && *at == '<')
        return parse_xml(at, (gsize)(end - at), error);
    copy = g_strndup(at, (gsize)(end - at));
    xml = g_base64_decode(copy, &xml_size);
    if (xml_size == 0) {
        (void)drv_throw(error, DRV_ERROR_DUMP, "the dump is empty or not base64");
        return NULL;
    }
    return parse_xml((const char *)xml, xml_size, error);
}

DrvDump *
drv_dump_read_action(int argc, char **argv, const char **id, GError **error)
{
    gboolean in_argv = argc > 2 && strcmp(argv[1], "-") != 0;
    g_autoptr(GString) data = g_string_new(NULL);
    DrvDump *dump;

    if (argc < 2) {
        (void)drv_throw(error, DRV_ERROR_USAGE, "usage: [DUMP] ID < dump");
        return NULL;
    }
    *id = argv[argc > 2 ? 2 : 1];
    if (in_argv)
        return drv_dump_parse(argv[1], strlen(argv[1]), error);
    if (!drv_fd_read_all(STDIN_FILENO, data, 2 * (gsize)DRV_DUMP_MAX, "the dump", error))
        return NULL;
    dump = drv_dump_parse(data->str, data->len, error);
    if (dump)
        dump->from_stdin = TRUE;
    return dump;
}

gboolean
drv_dump_came_from_stdin(const DrvDump *dump)
{
    return dump->from_stdin;
}

void
drv_dump_set_variable(DrvDump *dump, const char *name, const char *text)
{
    drv_xml_variable(dump->xml, name, text);
}

gboolean
drv_dump_value(DrvDump *dump, const char *xpath, char **text, GError **error)
{
    g_auto(GStrv) choices = g_strsplit(xpath, "|", -1);

    *text = NULL;
    for (guint i = 0; choices[i]; i++) {
        g_autoptr(GPtrArray) found = drv_xml_select(dump->xml, NULL, choices[i], error);
        g_autofree char *value = NULL;

        if (found == NULL)
            return FALSE;
        if (found->len == 0)
            continue;
        value = drv_xml_node_text(found->pdata[0]);
        if (*g_strstrip(value)) {
            *text = g_steal_pointer(&value);
            return TRUE;
        }
    }
    return TRUE;
}

char **
drv_dump_values(DrvDump *dump, const char *xpath)
{
    g_autoptr(GPtrArray) found = drv_xml_all(dump->xml, NULL, xpath);
    char **values = g_new0(char *, found->len + 1);

    for (guint i = 0; i < found->len; i++)
        values[i] = drv_xml_node_text(found->pdata[i]);
    return values;
}

char *
drv_dump_to_text(DrvDump *dump)
{
    g_autofree char *text = drv_xml_to_text(dump->xml);

    return g_strconcat("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", text, "\n", NULL);
}

char *
drv_dump_build(const char *root, const char *const *children)
{
    g_autoptr(DrvXml) xml = drv_xml_new(root);

    for (guint i = 0; children[i] && children[i + 1]; i += 2)
        drv_xml_node_add(drv_xml_root(xml), children[i], children[i + 1]);
    return drv_xml_to_text(xml);
}
