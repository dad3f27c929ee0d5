/* SPDX-License-Identifier: Apache-2.0 */
/* The far end is this program again, with what the worker does as words: see play(). */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cancel.h"
#include "base/fd.h"
#include "base/log.h"
#include "scratch.h"
#include "transport/session.h"

#define MIB (1024 * 1024)

/* --- the far end -----------------------------------------------------------------------
 */

static GByteArray *played_in;
static GString *played_summary;
static gboolean play_slowly;

static void
play_bytes(const guint8 *data, gsize size)
{
    gsize step = play_slowly ? 1 : size;

    for (gsize at = 0; at < size; at += step) {
        if (write(STDOUT_FILENO, data + at, step) != (gssize)step)
            _exit(97);
    }
}

static void
play_frame(DrvFrameType type, const char *text)
{
    g_autoptr(GByteArray) out = g_byte_array_new();

    drv_frame_append(out, type, text, strlen(text));
    play_bytes(out->data, out->len);
}

/* The next frame from stdin, which lies at the start of played_in. */
static gsize
play_read(DrvFrame *frame)
{
    guint8 buffer[4096];
    gsize size = 0;

    while (drv_frame_parse(played_in, frame, &size, NULL) && size == 0) {
        gssize got = read(STDIN_FILENO, buffer, sizeof buffer);

        if (got <= 0)
            _exit(98);
        g_byte_array_append(played_in, buffer, (guint)got);
    }
    return size;
}

static void
play_request(void)
{
    DrvFrame frame;
    gsize size = play_read(&frame);
    g_autoptr(GVariant) fields = NULL;
    g_autofree char *op = NULL;

    if (!drv_frame_unpack_request(&frame, &op, &fields, NULL))
        _exit(99);
    g_string_assign(played_summary, op);
    g_byte_array_remove_range(played_in, 0, (guint)size);
}

/* The stream as "bytes sent / zeros not sent / digest". */
static void
play_stream(void)
{
    static const guint8 zeros[4096];
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    guint64 sent = 0, left_out = 0, n = 0;
    DrvFrame frame;
    gsize size;

    do {
        size = play_read(&frame);
        if (frame.type == DRV_FRAME_DATA) {
            g_checksum_update(sum, frame.data, (gssize)frame.size);
            sent += frame.size;
        } else if (frame.type == DRV_FRAME_ZEROS && drv_frame_get_u64(&frame, &n)) {
            for (guint64 left = n; left > 0; left -= MIN(left, sizeof zeros))
                g_checksum_update(sum, zeros, (gssize)MIN(left, sizeof zeros));
            left_out += n;
        }
        g_byte_array_remove_range(played_in, 0, (guint)size);
    } while (frame.type != DRV_FRAME_END);
    g_string_printf(played_summary,
                    "%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %s",
                    sent,
                    left_out,
                    g_checksum_get_string(sum));
}

static void
play_error(const char *word)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    char *text = NULL;
    guint64 code = g_ascii_strtoull(word, &text, 10);

    (void)drv_throw(&error, (DrvErrorCode)code, "%s", text);
    drv_frame_append_error(out, error);
    play_bytes(out->data, out->len);
}

static void
play_to_stderr(guint64 size)
{
    g_autofree char *text = g_strnfill(size, 'e');

    if (write(STDERR_FILENO, text, size) != (gssize)size)
        _exit(96);
}

/* Until nobody wants us: then, and only then, make the file. */
static void
play_unwind(const char *path)
{
    char byte;

    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    g_file_set_contents(path, "unwound", -1, NULL);
}

static void
play(const char *word)
{
    switch (*word++) {
    case 'r': /* a request is read */
        play_request();
        break;
    case 's': /* the stream is read */
        play_stream();
        break;
    case 'k': /* done: what was read last */
        play_frame(DRV_FRAME_DONE, played_summary->str);
        break;
    case 'f': /* a frame: type, payload */
        play_frame((DrvFrameType)*word, word + 1);
        break;
    case 'x': /* failed: code, message */
        play_error(word);
        break;
    case 'b': /* bytes */
        play_bytes((const guint8 *)word, strlen(word));
        break;
    case '1': /* from here on, one byte at a time */
        play_slowly = TRUE;
        break;
    case 'e': /* so much on stderr */
        play_to_stderr(g_ascii_strtoull(word, NULL, 10));
        break;
    case 'w': /* wait for the end of stdin, and make this file */
        play_unwind(word);
        break;
    case 'h': /* hang */
        for (;;)
            pause();
    case 'q': /* exit with this status */
        _exit((int)g_ascii_strtoull(word, NULL, 10));
    default:
        _exit(95);
    }
}

static int
play_all(char **words)
{
    played_in = g_byte_array_new();
    played_summary = g_string_new(NULL);
    for (; *words; words++)
        play(*words);
    _exit(0);
}

/* --- what the tests share --------------------------------------------------------------
 */

/* @words are separated by commas. */
static void
start(DrvSession *talk, const char *words)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autoptr(DrvCmd) cmd = drv_cmd_new(self, "--play", NULL);
    g_auto(GStrv) list = g_strsplit(words, ",", -1);
    g_autoptr(GError) error = NULL;

    for (guint i = 0; list[i]; i++)
        drv_cmd_arg(cmd, list[i]);
    must(drv_session_start(talk, cmd, "host01", &error));
}

static GVariant *
no_fields(void)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    return g_variant_dict_end(&dict);
}

/* A stream of bytes in memory. */
typedef struct {
    const guint8 *data;
    gsize size;
} Bytes;

static gssize
bytes_read(gpointer state, guint8 *data, gsize size, GError **error)
{
    Bytes *bytes = state;
    gsize n = MIN(size, bytes->size);

    (void)error;
    memcpy(data, bytes->data, n);
    bytes->data += n;
    bytes->size -= n;
    return (gssize)n;
}

static void
bytes_free(gpointer state)
{
    (void)state;
}

static gssize
bad_read(gpointer state, guint8 *data, gsize size, GError **error)
{
    (void)state, (void)data, (void)size;
    (void)drv_throw(error, DRV_ERROR_FAILED, "no more of it");
    return -1;
}

static const DrvSourceOps bytes_ops = { bytes_read, NULL, NULL, bytes_free };
static const DrvSourceOps bad_ops = { bad_read, NULL, NULL, bytes_free };

/* Hold @words against a worker's answer to a request, with the stream @bytes. */
static gboolean
converse(const char *words, Bytes *bytes, char **result, GError **error)
{
    g_auto(DrvSession) talk = DRV_SESSION_INIT;
    g_autoptr(DrvSource) in = bytes ? drv_source_new(&bytes_ops, bytes, "bytes") : NULL;

    start(&talk, words);
    return drv_session_run(&talk, "op", no_fields(), in, result, error);
}

/* --- answers ---------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    const char *words;
    const char *result; /* or what the error says */
    DrvErrorCode code;
} answers[] = {
    { "done", "r,fKall done", "all done", DRV_ERROR_LAST },
    { "done-without-text", "r,fK", NULL, DRV_ERROR_LAST },
    { "request", "r,k", "op", DRV_ERROR_LAST },
    { "alive", "r,fA,fA,fKyes", "yes", DRV_ERROR_LAST },
    { "bytes", "1,r,fA,fL3slowly,fKyes", "yes", DRV_ERROR_LAST },
    { "more-after-done", "r,fKyes,fA,bnonsense", "yes", DRV_ERROR_LAST },
    { "stderr", "e200000,r,fKyes", "yes", DRV_ERROR_LAST },
    { "failed", "r,x6no room", "no room", DRV_ERROR_NO_SPACE },
    { "failed-unknown", "r,x4711what", "what", DRV_ERROR_FAILED },
    { "failed-badly", "r,fX", "without a reason", DRV_ERROR_REMOTE },
    /* It has begun, so that no other host may be asked, whatever it says. */
    { "failed-as-if-not-begun", "r,x17no way", "no way", DRV_ERROR_REMOTE },
    { "hello", "r,fHagain,fKyes", "an unexpected frame", DRV_ERROR_REMOTE },
    { "data", "r,fDdata,fKyes", "an unexpected frame", DRV_ERROR_REMOTE },
    { "end", "r,fE,fKyes", "an unexpected frame", DRV_ERROR_REMOTE },
    { "unknown", "r,fq", "host01 must not print anything ('DRVq", DRV_ERROR_REMOTE },
    { "text",
      "bWelcome\n",
      "host01 must not print anything ('Welcome\\",
      DRV_ERROR_REMOTE },
    { "text-after",
      "r,fA,bSegfault",
      "host01 must not print anything ('Segfault'",
      DRV_ERROR_REMOTE },
    { "nothing", "r", "host01: the connection ended", DRV_ERROR_REMOTE },
    { "cut", "r,fA,bDRVK", "host01: the connection ended", DRV_ERROR_REMOTE },
    { "cut-magic", "r,bDR", "host01: the connection ended", DRV_ERROR_REMOTE },
};

static void
test_answer(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autoptr(GError) error = NULL;
    g_autofree char *result = NULL;
    gboolean ok = converse(answers[i].words, NULL, &result, &error);

    if (answers[i].code != DRV_ERROR_LAST) {
        g_assert_false(ok);
        g_assert_null(result);
        assert_error_text(error, answers[i].code, answers[i].result);
    } else {
        g_assert_no_error(error);
        g_assert_true(ok);
        g_assert_cmpstr(result, ==, answers[i].result);
    }
}

static void
test_too_large(void)
{
    g_autofree char *text = g_strnfill(2 * MIB, 'x');
    g_auto(DrvSession) talk = DRV_SESSION_INIT;
    g_autoptr(GError) error = NULL;
    g_autofree char *result = NULL;
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "text", "s", text);
    start(&talk, "r,fKyes");
    g_assert_false(
        drv_session_run(&talk, "op", g_variant_dict_end(&dict), NULL, &result, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_USAGE);
}

/* --- what it logs ----------------------------------------------------------------------
 */

static void
collect_log(DrvLogLevel level, const char *text, gpointer data)
{
    g_string_append_printf(data, "%d=%s\n", (int)level, text);
}

static void
test_log(void)
{
    g_autoptr(GString) lines = g_string_new(NULL);
    g_autoptr(GError) error = NULL;

    drv_log_set_sink(collect_log, lines);
    must(converse("r,fL1one,fL,fL9no level,fLx,fL0,fL2two,fK", NULL, NULL, &error));
    drv_log_set_sink(NULL, NULL);
    g_assert_cmpstr(lines->str, ==, "1=one\n0=\n2=two\n");
}

/* --- streams ---------------------------------------------------------------------------
 */

/* Zeros are told apart in pieces of 64 KiB, counted from a block's start. */
static const struct {
    gsize size;
    gsize zeros_from, zeros_to;
    gsize left_out;
} streams[] = {
    { 0, 0, 0, 0 },
    { 1, 0, 0, 0 },
    { 1, 0, 1, 1 },
    { 65536, 0, 65535, 0 },
    { 65537, 65536, 65537, 1 },
    { MIB, 0, MIB, MIB },
    { 3 * MIB + 7, MIB - 1, 2 * MIB + 1, MIB },
    { 9 * MIB + 1, 65536 - 1, 3 * 65536, 2 * 65536 },
    { 12 * MIB, 0, 0, 0 },
};

static void
test_stream(gconstpointer words)
{
    for (guint i = 0; i < G_N_ELEMENTS(streams); i++) {
        gsize size = streams[i].size;
        g_autofree guint8 *data = noise(size, i);
        g_autofree char *sum = NULL;
        g_autofree char *wanted = NULL;
        g_autofree char *result = NULL;
        g_autoptr(GError) error = NULL;
        Bytes bytes = { data, size };

        if (size > 0)
            data[0] |= 1; /* noise may begin with a zero */
        memset(
            data + streams[i].zeros_from, 0, streams[i].zeros_to - streams[i].zeros_from);
        sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, data, size);
        wanted = g_strdup_printf("%" G_GSIZE_FORMAT " %" G_GSIZE_FORMAT " %s",
                                 size - streams[i].left_out,
                                 streams[i].left_out,
                                 sum);
        must(converse(words, &bytes, &result, &error));
        g_assert_cmpstr(result, ==, wanted);
    }
}

/* Its own word counts, not that it takes no more data; which end sees it is chance. */
static const struct {
    const char *name;
    const char *words;
    const char *text;
    DrvErrorCode code;
} cuts[] = {
    { "failed", "r,x6no room", "no room", DRV_ERROR_NO_SPACE },
    { "failed-and-hangs", "r,x6no room,h", "no room", DRV_ERROR_NO_SPACE },
    { "done", "r,fKyes,h", "host01: the worker exited too early", DRV_ERROR_REMOTE },
    { "gone", "r,q0", "host01: the worker exited too early", DRV_ERROR_REMOTE },
    { "dead", "r,fA,q1", "host01: the worker exited too early", DRV_ERROR_REMOTE },
    { "text",
      "bWelcome,h",
      "host01 must not print anything ('Welcome'",
      DRV_ERROR_REMOTE },
};

static void
test_cut(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autofree guint8 *noisy = noise(24 * MIB, 1);
    g_autoptr(GError) error = NULL;
    g_autofree char *result = NULL;
    Bytes bytes = { noisy, 24 * MIB };

    g_assert_false(converse(cuts[i].words, &bytes, &result, &error));
    g_assert_null(result);
    assert_error_text(error, cuts[i].code, cuts[i].text);
}

static void
test_bad_source(void)
{
    g_auto(DrvSession) talk = DRV_SESSION_INIT;
    g_autoptr(DrvSource) in = drv_source_new(&bad_ops, NULL, "bad");
    g_autoptr(GError) error = NULL;

    start(&talk, "r,s,k");
    g_assert_false(drv_session_run(&talk, "op", no_fields(), in, NULL, &error));
    assert_error_text(error, DRV_ERROR_FAILED, "no more of it");
}

/* --- waiting and ending ----------------------------------------------------------------
 */

static void
test_timeout(void)
{
    g_auto(DrvSession) talk = DRV_SESSION_INIT;
    g_autoptr(GError) error = NULL;
    DrvFrame frame;

    start(&talk, "fHbuild,h");
    must(drv_session_next(&talk, 60000, &frame, &error));
    g_assert_cmpint(frame.type, ==, DRV_FRAME_HELLO);
    g_assert_false(drv_session_next(&talk, 20, &frame, &error));
    assert_error_text(error, DRV_ERROR_TIMEOUT, "host01 did not answer within 0 s");
}

/* A stop closes its stdin and leaves it the time to clean up. */
static void
test_cancelled(void)
{
    const struct timespec now = { 0, 0 };
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *file = g_build_filename(dir, "file", NULL);
    g_autofree char *words = g_strdup_printf("w%s", file);
    g_auto(DrvSession) talk = DRV_SESSION_INIT;
    g_autoptr(GError) error = NULL;
    sigset_t set;

    start(&talk, words);
    raise(SIGTERM);
    g_assert_false(drv_session_run(&talk, "op", no_fields(), NULL, NULL, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_CANCELLED);
    drv_session_clear(&talk);
    talk = (DrvSession)DRV_SESSION_INIT;
    g_assert_true(g_file_test(file, G_FILE_TEST_EXISTS));
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    g_assert_cmpint(sigtimedwait(&set, NULL, &now), ==, SIGTERM);
}

/* Our side of a conversation: it is stopped after a byte, and needs a 'y' as the next. */
static gboolean
want_yes(DrvPeer *peer, gpointer data, GError **error)
{
    char *byte = data;

    if (!drv_peer_read(peer, byte, 1, error))
        return FALSE;
    raise(SIGTERM);
    return drv_peer_read(peer, byte, 1, error) &&
           (*byte == 'y' || drv_throw(error, DRV_ERROR_REMOTE, "not yes"));
}

/* Stopped while it waits: what the worker says by the time that it has unwound counts,
 * but that the worker is done does not make our side done.
 */
static const struct {
    const char *name, *words;
    gboolean done;
    int code; /* of the error */
} last_words[] = {
    { "yes", "r,fDa,w%s,fDy,k", TRUE, 0 },
    { "yes-among-others", "r,fDa,w%s,fA,fDy,fL3x,k", TRUE, 0 },
    { "no", "r,fDa,w%s,fDn,k", FALSE, DRV_ERROR_REMOTE },
    { "done-only", "r,fDa,w%s,k", FALSE, DRV_ERROR_CANCELLED },
    { "failed", "r,fDa,w%s,x13gone", FALSE, DRV_ERROR_CANCELLED },
    { "nothing", "r,fDa,w%s", FALSE, DRV_ERROR_CANCELLED },
    { "hangs", "r,fDa,h", FALSE, DRV_ERROR_CANCELLED },
};

static void
test_last_words(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    const struct timespec now = { 0, 0 };
    g_autoptr(Scratch) dir = scratch_new();
    g_autofree char *file = g_build_filename(dir, "file", NULL);
    g_auto(GStrv) parts = g_strsplit(last_words[i].words, "%s", 2);
    g_autofree char *words = g_strjoinv(file, parts);
    g_auto(DrvSession) talk = DRV_SESSION_INIT;
    g_autoptr(GError) error = NULL;
    char byte = 0;
    sigset_t set;

    start(&talk, words);
    g_assert_true(
        drv_session_converse(&talk, "op", no_fields(), want_yes, &byte, NULL, &error) ==
        last_words[i].done);
    if (!last_words[i].done)
        g_assert_error(error, DRV_ERROR, last_words[i].code);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    g_assert_cmpint(sigtimedwait(&set, NULL, &now), ==, SIGTERM);
}

static void
test_hangs(void)
{
    gint64 start_time = g_get_monotonic_time();
    g_auto(DrvSession) talk = DRV_SESSION_INIT;
    g_autoptr(GError) error = NULL;
    DrvFrame frame;
    pid_t pid;

    start(&talk, "fHbuild,h");
    must(drv_session_next(&talk, 60000, &frame, &error));
    pid = talk.child.pid;
    drv_session_clear(&talk);
    talk = (DrvSession)DRV_SESSION_INIT;
    g_assert_cmpint(kill(pid, 0), ==, -1);
    g_assert_cmpint(g_get_monotonic_time() - start_time, >=, G_USEC_PER_SEC);
}

static void
test_status(void)
{
    g_auto(DrvSession) talk = DRV_SESSION_INIT;
    g_autoptr(GError) error = NULL;
    DrvFrame frame;
    int status;

    start(&talk, "e200000,q3");
    g_assert_false(drv_session_next(&talk, 60000, &frame, &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_REMOTE);
    g_clear_error(&error);
    must(drv_session_status(&talk, &status, &error));
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 3);
    g_assert_cmpuint(talk.err->len, >=, 16384); /* enough to tell, and no more */
    g_assert_cmpuint(talk.err->len, <, 16384 + 4096);
}

static void
test_no_program(void)
{
    g_autoptr(DrvCmd) cmd = drv_cmd_new("/nowhere/worker", NULL);
    g_auto(DrvSession) talk = DRV_SESSION_INIT;
    g_autoptr(GError) error = NULL;

    g_assert_false(drv_session_start(&talk, cmd, "host01", &error));
    g_assert_error(error, DRV_ERROR, DRV_ERROR_NOT_FOUND);
}

static void
add_data_test(const char *prefix, const char *name, guint i, GTestDataFunc test)
{
    g_autofree char *path = g_strconcat(prefix, name, NULL);

    g_test_add_data_func(path, GUINT_TO_POINTER(i), test);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    if (argc > 1 && g_str_equal(argv[1], "--play"))
        return play_all(argv + 2);
    g_test_init(&argc, &argv, NULL);
    must(drv_cancel_init(&error));
    for (guint i = 0; i < G_N_ELEMENTS(answers); i++)
        add_data_test("/talk/answer/", answers[i].name, i, test_answer);
    for (guint i = 0; i < G_N_ELEMENTS(cuts); i++)
        add_data_test("/talk/cut/", cuts[i].name, i, test_cut);
    g_test_add_data_func("/talk/stream", "r,s,k", test_stream);
    g_test_add_data_func("/talk/stream-and-log", "r,fL3x,fA,s,fA,k", test_stream);
    g_test_add_func("/talk/too-large", test_too_large);
    g_test_add_func("/talk/log", test_log);
    g_test_add_func("/talk/bad-source", test_bad_source);
    g_test_add_func("/talk/timeout", test_timeout);
    g_test_add_func("/talk/cancelled", test_cancelled);
    for (guint i = 0; i < G_N_ELEMENTS(last_words); i++)
        add_data_test("/talk/last-words/", last_words[i].name, i, test_last_words);
    g_test_add_func("/talk/hangs", test_hangs);
    g_test_add_func("/talk/status", test_status);
    g_test_add_func("/talk/no-program", test_no_program);
    return g_test_run();
}
