/* SPDX-License-Identifier: Apache-2.0 */
/* fault - run a program and let the Nth system call that changes a file go wrong.
 *
 *   fault [OPTION]... [--] PROGRAM [ARG...]
 *
 * Calls of the program and of all processes that it starts are counted from 1, together.
 *
 *   -k        at the Nth, before it is done, all of them are killed (status 137)
 *   -e ERROR  the Nth is not done, and fails with ERROR: EIO, ENOSPC ...
 *   -o        the program's write to its stdout counts, too, and its end
 *   -s        at the Nth, before it is done, the program gets SIGTERM, and goes on
 *   -p DIR    only calls on files in DIR (as the kernel spells it) count; default: all
 *   -x NAME   processes that run a program of that name, and all they start, are those of
 *             another machine: their calls count, but nothing happens to them; we still
 *             end after them
 *   -l LOG    a line "N PID CALL PATH" per call counted goes there
 *   -c FILE   the number of calls counted goes there
 *   -n N      default 0: none, only count
 *
 * The status is the program's.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if !defined(__x86_64__)
int
main(void)
{
    fputs("fault: not for this architecture\n", stderr);
    return 125;
}
#else

/* How a call says which file it changes. */
typedef enum {
    FD,      /* argument 0 is a descriptor of a file */
    FD_OUT,  /* argument 2 is */
    AT,      /* arguments 0 and 1: directory and name */
    AT_LAST, /* arguments 2 and 3 */
    LINK,    /* arguments 1 and 2 */
    NAME,    /* argument 0: a name */
    OPEN,    /* name and flags */
    OPENAT,  /* directory, name and flags */
    OPENAT2, /* directory, name and struct open_how */
    CLONES,  /* an ioctl(2), if it is a reflink */
    END,     /* the program's end */
} Shape;

static const struct Call {
    int number;
    const char *name;
    Shape shape;
} calls[] = {
    { SYS_write, "write", FD },
    { SYS_writev, "writev", FD },
    { SYS_pwrite64, "pwrite64", FD },
    { SYS_pwritev, "pwritev", FD },
    { SYS_pwritev2, "pwritev2", FD },
    { SYS_ftruncate, "ftruncate", FD },
    { SYS_fallocate, "fallocate", FD },
    { SYS_fsync, "fsync", FD },
    { SYS_fdatasync, "fdatasync", FD },
    { SYS_sync_file_range, "sync_file_range", FD },
    { SYS_fchmod, "fchmod", FD },
    { SYS_copy_file_range, "copy_file_range", FD_OUT },
    { SYS_ioctl, "ioctl", CLONES },
    { SYS_truncate, "truncate", NAME },
    { SYS_mkdir, "mkdir", NAME },
    { SYS_rmdir, "rmdir", NAME },
    { SYS_unlink, "unlink", NAME },
    { SYS_chmod, "chmod", NAME },
    { SYS_rename, "rename", NAME },
    { SYS_link, "link", NAME },
    { SYS_symlink, "symlink", NAME },
    { SYS_creat, "creat", NAME },
    { SYS_open, "open", OPEN },
    { SYS_mkdirat, "mkdirat", AT },
    { SYS_mknodat, "mknodat", AT },
    { SYS_unlinkat, "unlinkat", AT },
    { SYS_fchmodat, "fchmodat", AT },
    { SYS_utimensat, "utimensat", AT },
    { SYS_openat, "openat", OPENAT },
    { SYS_openat2, "openat2", OPENAT2 },
    { SYS_symlinkat, "symlinkat", LINK },
    { SYS_renameat, "renameat", AT_LAST },
    { SYS_renameat2, "renameat2", AT_LAST },
    { SYS_linkat, "linkat", AT_LAST },
    { SYS_exit_group, "exit_group", END },
};

static const struct {
    const char *name;
    int value;
} errors[] = {
    { "EIO", EIO },       { "ENOSPC", ENOSPC }, { "EDQUOT", EDQUOT },
    { "EACCES", EACCES }, { "EROFS", EROFS },   { "ESTALE", ESTALE },
};

static GPtrArray *prefixes;
static FILE *log_file;
static guint64 wanted, counted;
static gboolean kills, terminates, answers;
static int error_value;
static const char *count_path;
static const char *apart_name;
static GHashTable *tracees; /* pid → pid: those of the program */
static GHashTable *apart;   /* pid → pid: those that are not */

static G_GNUC_NORETURN void
die(const char *what)
{
    fprintf(stderr, "fault: %s: %s\n", what, strerror(errno));
    _exit(125);
}

/* --- the program's side ------------------------------------------------------------- */

static void
install_filter(void)
{
    struct sock_filter code[G_N_ELEMENTS(calls) + 3];
    struct sock_fprog program = { .len = G_N_ELEMENTS(code), .filter = code };
    guint n = G_N_ELEMENTS(calls);

    code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                           offsetof(struct seccomp_data, nr));
    for (guint i = 0; i < n; i++)
        code[1 + i] = (struct sock_filter)BPF_JUMP(
            BPF_JMP | BPF_JEQ | BPF_K, (guint)calls[i].number, (guint8)(n - i), 0);
    code[n + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
    if (geteuid() != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        die("no_new_privs");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        die("seccomp");
}

static G_GNUC_NORETURN void
be_program(char **argv)
{
    raise(SIGSTOP); /* until we are watched */
    install_filter();
    execvp(argv[0], argv);
    die(argv[0]);
}

/* --- which file a call is about --------------------------------------------------------
 */

static char *
read_text(pid_t pid, guint64 address)
{
    char text[4097] = { 0 };
    /* Page by page: the next one may not be there. */
    for (gsize at = 0; at < 4096;) {
        gsize step = MIN(4096 - at, 4096 - (address + at) % 4096);
        struct iovec here = { text + at, step };
        struct iovec there = { (void *)(address + at), step }; /* NOLINT */

        if (process_vm_readv(pid, &here, 1, &there, 1, 0) <= 0)
            break;
        if (memchr(text + at, 0, step))
            break;
        at += step;
    }
    return g_strdup(text);
}

static char *
read_proc_link(pid_t pid, const char *what)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", pid, what);
    char *text = g_file_read_link(path, NULL);

    return text ? text : g_strdup("");
}

static char *
path_of_fd(pid_t pid, guint64 fd)
{
    g_autofree char *what = g_strdup_printf("fd/%d", (int)fd);

    if ((int)fd == AT_FDCWD)
        return read_proc_link(pid, "cwd");
    return read_proc_link(pid, what);
}

static char *
path_at(pid_t pid, guint64 fd, guint64 name_address)
{
    g_autofree char *name = read_text(pid, name_address);
    g_autofree char *directory = NULL;

    if (*name == '/')
        return g_steal_pointer(&name);
    directory = path_of_fd(pid, fd);
    return g_build_filename(directory, name, NULL);
}

static guint64
how_flags(pid_t pid, guint64 address)
{
    struct open_how how = { 0 };
    struct iovec here = { &how, sizeof how };
    struct iovec there = { (void *)address, sizeof how };

    (void)process_vm_readv(pid, &here, 1, &there, 1, 0);
    return how.flags;
}

static gboolean
opens_to_change(guint64 flags)
{
    return (flags & (O_CREAT | O_TRUNC)) || (flags & O_TMPFILE) == O_TMPFILE;
}

/* Path of what the call changes, or NULL when it changes nothing. */
static char *
changed_path(pid_t pid, const struct Call *call, const uint64_t *args)
{
    switch (call->shape) {
    case FD:
        return path_of_fd(pid, args[0]);
    case FD_OUT:
        return path_of_fd(pid, args[2]);
    case CLONES:
        return args[1] == FICLONE || args[1] == FICLONERANGE ? path_of_fd(pid, args[0])
                                                             : NULL;
    case AT:
        return path_at(pid, args[0], args[1]);
    case AT_LAST:
        return path_at(pid, args[2], args[3]);
    case LINK:
        return path_at(pid, args[1], args[2]);
    case NAME:
        return path_at(pid, (guint64)AT_FDCWD, args[0]);
    case OPEN:
        return opens_to_change(args[1]) ? path_at(pid, (guint64)AT_FDCWD, args[0]) : NULL;
    case OPENAT:
        return opens_to_change(args[2]) ? path_at(pid, args[0], args[1]) : NULL;
    case OPENAT2:
        return opens_to_change(how_flags(pid, args[2])) ? path_at(pid, args[0], args[1])
                                                        : NULL;
    case END:
    default:
        return NULL;
    }
}

/* What becomes of its result when it is gone, only the program's stdout knows. */
static gboolean
is_answer(const struct Call *call, const uint64_t *args)
{
    return answers && ((call->number == SYS_write && args[0] == STDOUT_FILENO) ||
                       (call->shape == END && !error_value));
}

/* Pipes, sockets, devices and kernel interfaces are no files here. */
static gboolean
counts(const char *path)
{
    static const char *const not [] = { "/dev/", "/proc/", "/sys/", "/memfd:" };

    if (*path != '/')
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(not ); i++) {
        if (g_str_has_prefix(path, not [i]) && !g_str_has_prefix(path, "/dev/shm/"))
            return FALSE;
    }
    for (guint i = 0; i < prefixes->len; i++) {
        if (g_str_has_prefix(path, prefixes->pdata[i]))
            return TRUE;
    }
    return prefixes->len == 0;
}

/* --- our side
 * ---------------------------------------------------------------------------- */

static void
write_count(void)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT "\n", counted);

    if (count_path && !g_file_set_contents(count_path, text, -1, NULL))
        die(count_path);
    if (log_file)
        fflush(log_file);
}

static pid_t
read_status(const char *text, const char *name)
{
    const char *line = text ? strstr(text, name) : NULL;

    return line ? atoi(line + strlen(name)) : 0;
}

/* Also of a thread or child whose first stop has come before the news of its making. */
static gboolean
is_apart(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", pid);
    g_autofree char *text = NULL;

    if (g_hash_table_contains(apart, GINT_TO_POINTER(pid)))
        return TRUE;
    (void)g_file_get_contents(path, &text, NULL, NULL);
    return g_hash_table_contains(apart, GINT_TO_POINTER(read_status(text, "\nTgid:"))) ||
           g_hash_table_contains(apart, GINT_TO_POINTER(read_status(text, "\nPPid:")));
}

/* We end when none of them is there any more, so that no lock of theirs is either. */
static void
kill_all(void)
{
    GHashTableIter iter;
    gpointer pid;

    g_hash_table_iter_init(&iter, tracees);
    while (g_hash_table_iter_next(&iter, &pid, NULL)) {
        if (!is_apart(GPOINTER_TO_INT(pid)))
            kill(GPOINTER_TO_INT(pid), SIGKILL);
    }
    g_hash_table_remove_all(tracees);
}

static void
make_fail(pid_t pid)
{
    struct user_regs_struct regs;

    if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0)
        die("registers");
    regs.orig_rax = (unsigned long long)-1; /* no call at all */
    regs.rax = (unsigned long long)-error_value;
    if (ptrace(PTRACE_SETREGS, pid, NULL, &regs) < 0)
        die("registers");
}

static void
at_call(pid_t pid, pid_t program)
{
    struct __ptrace_syscall_info info = { 0 };
    const struct Call *call = NULL;
    g_autofree char *path = NULL;

    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof info, &info) <= 0)
        return; /* killed meanwhile */
    for (guint i = 0; i < G_N_ELEMENTS(calls) && call == NULL; i++) {
        if (calls[i].number == (int)info.seccomp.nr)
            call = &calls[i];
    }
    if (call == NULL)
        return;
    if (pid == program && is_answer(call, info.seccomp.args))
        path = g_strdup("its answer");
    else
        path = changed_path(pid, call, info.seccomp.args);
    if (path == NULL || (!counts(path) && !g_str_equal(path, "its answer")))
        return;
    counted++;
    if (log_file)
        fprintf(
            log_file, "%" G_GUINT64_FORMAT " %d %s %s\n", counted, pid, call->name, path);
    if (counted != wanted)
        return;
    if (kills)
        kill_all();
    if (terminates)
        kill(program, SIGTERM);
    else if (error_value && !is_apart(pid))
        make_fail(pid);
}

/* What a stopped tracee wants; the signal to go on with. */
static void
note_exec(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/comm", pid);
    g_autofree char *name = NULL; /* of a script, its own, not its interpreter's */

    if (apart_name && g_file_get_contents(path, &name, NULL, NULL) &&
        g_str_equal(g_strchomp(name), apart_name))
        g_hash_table_add(apart, GINT_TO_POINTER(pid));
}

static void
note_child(pid_t pid)
{
    unsigned long child = 0;

    if (g_hash_table_contains(apart, GINT_TO_POINTER(pid)) &&
        ptrace(PTRACE_GETEVENTMSG, pid, NULL, &child) == 0)
        g_hash_table_add(apart, GINT_TO_POINTER((pid_t)child));
}

static int
handle_stop(pid_t pid, int status, pid_t program)
{
    int event = status >> 16;
    int signal = WSTOPSIG(status);

    if (event == PTRACE_EVENT_SECCOMP) {
        at_call(pid, program);
        return 0;
    }
    if (event == PTRACE_EVENT_EXEC)
        note_exec(pid);
    if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
        event == PTRACE_EVENT_CLONE)
        note_child(pid);
    if (event == PTRACE_EVENT_STOP && (signal == SIGSTOP || signal == SIGTSTP)) {
        ptrace(PTRACE_LISTEN, pid, NULL, NULL);
        return -1;
    }
    return event ? 0 : signal;
}

static int
watch(pid_t program)
{
    int result = 125;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
        if (pid <= 0)
            continue;
        if (WIFSTOPPED(status)) {
            int signal = handle_stop(pid, status, program);

            if (!g_hash_table_contains(apart, GINT_TO_POINTER(pid)))
                g_hash_table_add(tracees, GINT_TO_POINTER(pid));
            else
                g_hash_table_remove(tracees, GINT_TO_POINTER(pid));
            if (signal >= 0)
                ptrace(PTRACE_CONT, pid, NULL, (void *)(gintptr)signal);
            continue;
        }
        g_hash_table_remove(tracees, GINT_TO_POINTER(pid));
        g_hash_table_remove(apart, GINT_TO_POINTER(pid));
        if (pid == program)
            result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    write_count();
    return result;
}

static int
error_of(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(errors); i++) {
        if (strcmp(errors[i].name, name) == 0)
            return errors[i].value;
    }
    errno = EINVAL;
    die(name);
}

static void
read_options(int argc, char **argv)
{
    int option;

    prefixes = g_ptr_array_new();
    while ((option = getopt(argc, argv, "+p:x:l:ke:osn:c:")) != -1) {
        switch (option) {
        case 'p':
            g_ptr_array_add(prefixes, optarg);
            break;
        case 'l':
            log_file = fopen(optarg, "we");
            if (log_file == NULL)
                die(optarg);
            break;
        case 'x':
            apart_name = optarg;
            break;
        case 'k':
            kills = TRUE;
            break;
        case 'o':
            answers = TRUE;
            break;
        case 's':
            terminates = TRUE;
            break;
        case 'e':
            error_value = error_of(optarg);
            break;
        case 'n':
            wanted = g_ascii_strtoull(optarg, NULL, 10);
            break;
        case 'c':
            count_path = optarg;
            break;
        default:
            _exit(125);
        }
    }
}

int
main(int argc, char **argv)
{
    long options = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                   PTRACE_O_TRACEEXEC | PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL;
    pid_t program;
    int status;

    read_options(argc, argv);
    if (optind >= argc) {
        fputs("usage: fault [OPTION]... PROGRAM [ARG...]\n", stderr);
        return 125;
    }
    tracees = g_hash_table_new(NULL, NULL);
    apart = g_hash_table_new(NULL, NULL);
    program = fork();
    if (program == 0)
        be_program(argv + optind);
    if (program < 0 || waitpid(program, &status, WUNTRACED) < 0)
        die("fork");
    g_hash_table_add(tracees, GINT_TO_POINTER(program));
    if (ptrace(PTRACE_SEIZE, program, NULL, (void *)options) < 0)
        die("ptrace");
    kill(program, SIGCONT);
    return watch(program);
}
#endif
