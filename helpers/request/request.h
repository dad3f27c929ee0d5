/* SPDX-License-Identifier: Apache-2.0 */
/* request/request.h - one table per action says where each value of its request comes
 * from.
 *
 *     typedef struct {
 *         DrvRequest head;
 *         char *source;
 *         guint64 size_mb;
 *     } TmClone;
 *     static const DrvField fields[] = {
 *         DRV_FIELD(TmClone, source, .arg = 1, .flags = DRV_REQUIRED | DRV_PATH_OF),
 *         DRV_FIELD(TmClone, size_mb, .xpath = "TEMPLATE/DISK[DISK_ID=$disk_id]/SIZE"),
 *     };
 *     const DrvRequestType tm_clone = DRV_REQUEST_TYPE("tm.clone", TmClone, fields);
 *
 * The same table reads argv, the XML dump and the environment, checks the values, writes
 * the usage line, and packs the request for the wire and unpacks it on the host.  The
 * kind of a value is the C type of its member:
 *
 *     char *     text; "" when absent, never NULL once read
 *     guint64    not negative, decimal
 *     gint64     decimal
 *     gboolean   YES, TRUE, 1 / NO, FALSE, 0 in any case; empty is the fallback
 *     char **    words separated by spaces; empty vector when absent
 */
#pragma once

#include <glib.h>

#include "request/dump.h"

typedef enum { DRV_TEXT, DRV_UINT, DRV_INT, DRV_BOOL, DRV_WORDS } DrvKind;

enum {
    DRV_REQUIRED = 1 << 0, /* empty or absent is an error */
    DRV_PATH = 1 << 1,     /* absolute, one line, no ".." component */
    DRV_HOST_OF = 1 << 2,  /* "host:path": the host ("" without ':') */
    DRV_PATH_OF = 1 << 3,  /* "host:path": the path, checked as DRV_PATH */
    DRV_DISK_OF = 1 << 4,  /* ".../disk.N": N; -1 when the last component is another */
    DRV_LINE = 1 << 5,     /* one line: it gets into an answer */
    DRV_NAME_OF = 1 << 6,  /* "host:name": the name, checked as DRV_LINE */
};

typedef struct {
    const char *name; /* member's name: also in the usage line and on the wire */
    DrvKind kind;
    gsize offset;
    guint arg;         /* position in argv, 0: not from there */
    const char *xpath; /* relative to the document's root element; "a|b": the first that
                        * has a value.  $name is the value of an earlier field. */
    const char *env;   /* environment variable */
    const char *fallback;
    guint flags;
} DrvField;

#define DRV_KIND_OF(type, member)                                                        \
    _Generic(((type *)0)->member,                                                         \
        char *: DRV_TEXT,                                                                 \
        guint64: DRV_UINT,                                                                \
        gint64: DRV_INT,                                                                  \
        gboolean: DRV_BOOL,                                                               \
        char **: DRV_WORDS)
#define DRV_FIELD(type, member, ...)                                                     \
    {                                                                                    \
        .name = #member, .kind = DRV_KIND_OF(type, member),                              \
        .offset = G_STRUCT_OFFSET(type, member), __VA_ARGS__                             \
    }

typedef struct {
    const char *name; /* unique: "tm.clone" */
    gsize size;
    const DrvField *fields;
    guint n_fields;
} DrvRequestType;

#define DRV_REQUEST_TYPE(id, type, table)                                                \
    {                                                                                    \
        .name = id, .size = sizeof(type), .fields = table,                               \
        .n_fields = G_N_ELEMENTS(table)                                                  \
    }

/* First member of every request. */
typedef struct {
    const DrvRequestType *type;
} DrvRequest;

/* A zeroed request of @type; free with drv_request_free() (takes any request). */
gpointer drv_request_new(const DrvRequestType *type);
void drv_request_free(gpointer request);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrvRequest, drv_request_free)

/* Declares the typed g_autoptr of a request struct. */
#define DRV_REQUEST_AUTOPTR(type) G_DEFINE_AUTOPTR_CLEANUP_FUNC(type, drv_request_free)

/* Fill what comes from argv (argv[0] is the program; extra words are ignored) and from
 * the environment.  DRV_ERROR_USAGE names the missing or bad argument.
 */
gboolean drv_request_read_args(gpointer request, int argc, char **argv, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Fill what comes from @dump.  DRV_ERROR_DUMP names the element. */
gboolean drv_request_read_dump(gpointer request,
                               DrvDump *dump,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE when a field of @type has an xpath, so a dump is needed. */
gboolean drv_request_wants_dump(const DrvRequestType *type);

/* Set one field from text, as a reader would. */
gboolean drv_request_set(gpointer request,
                         const DrvField *field,
                         const char *text,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A copy of @request, to be changed; free with drv_request_free(). */
gpointer drv_request_copy(gconstpointer request);

/* For the wire: a floating a{sv} of all fields, little-endian once serialised. */
GVariant *drv_request_pack(gconstpointer request);

/* The reverse; every value is checked as if it had come from argv.  DRV_ERROR_USAGE. */
gboolean drv_request_unpack(gpointer request,
                            GVariant *packed,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Checks of their own use: absolute, one line and without ".."; a host name safe as an
 * argument.
 */
gboolean drv_request_check_path(const char *what,
                                const char *path,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean drv_request_check_host(const char *what,
                                const char *host,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The words of @text, which are separated by spaces or line breaks; caller frees. */
char **drv_request_split_words(const char *text);
