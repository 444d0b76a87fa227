/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-nic-pgd: one QEMU process, and the files that go with it.
 *
 * QEMUs outlive the daemon, so that it can be restarted or upgraded under
 * running guests. What ties a QEMU to a later daemon is its pid file. It is
 * written while the new process still waits on a pipe: no QEMU runs without
 * a pid file, and if the daemon dies in between, the process reads end of
 * file and ends. A pid file alone proves nothing, as pids are used again;
 * so the process must also have our command line for that guest. Both are
 * looked at after the process has been pinned by a pidfd, and every signal
 * goes through it, so that none can hit a stranger.
 *
 * After fork() the child makes only system calls: libxenstore has a thread,
 * and so any lock in the C library may be taken for ever.
 */
#include "pgd-qemu.h"

#include "pgd-gate.h"
#include "pgd-jail.h"
#include "pgd-log.h"
#include "pgd-scope.h"
#include "pgd-store.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_CANNOT_EXEC 127

#define OWN_BINARY "/proc/self/exe"

static char *run_path(const QemuConfig *config, unsigned int domid,
                      const char *suffix)
{
    return g_strdup_printf("%s/%u.%s", config->run_dir, domid, suffix);
}

char *qemu_log_path(const QemuConfig *config, unsigned int domid)
{
    return g_strdup_printf("%s/%u.log", config->log_dir, domid);
}

static char *qmp_option(const QemuConfig *config, unsigned int domid)
{
    g_autofree char *socket = run_path(config, domid, "qmp");

    return g_strdup_printf("unix:%s,server=on,wait=off", socket);
}

static char *device_option(const QemuConfig *config)
{
    bool more = config->device_opts && *config->device_opts;

    return g_strdup_printf("xen-nic-pg,supervised=on%s%s%s",
                           config->jail_root ? ",confine=on" : "",
                           more ? "," : "", more ? config->device_opts : "");
}

static void add_args(GPtrArray *argv, char *const *args)
{
    for (; *args; args++) {
        g_ptr_array_add(argv, g_strdup(*args));
    }
}

char **qemu_build_argv(const QemuConfig *config, unsigned int domid)
{
    g_autofree char *domid_text = g_strdup_printf("%u", domid);
    g_autofree char *qmp = qmp_option(config, domid);
    g_autofree char *device = device_option(config);
    char *args[] = {
        config->binary, "-M", "xenpv", "-xen-attach", "-xen-domid",
        domid_text, "-nodefaults", "-no-user-config", "-display", "none",
        "-qmp", qmp, "-device", device, NULL
    };
    GPtrArray *argv = g_ptr_array_new();

    add_args(argv, args);
    if (config->jail_root) {
        g_auto(GStrv) jail = jail_args(config->jail_root, config->uid,
                                       config->gid);

        add_args(argv, jail);
    }
    if (config->extra_args) {
        add_args(argv, config->extra_args);
    }
    g_ptr_array_add(argv, NULL);
    return (char **)g_ptr_array_free(argv, false);
}

/*
 * Child: what a process that becomes QEMU needs
 */
typedef struct Child {
    const char *program;
    char **argv;
    int log_fd;
    int null_fd;
    const Jail *jail;       /* NULL: none */
} Child;

/*
 * give_up: say in the log why this process won't be QEMU
 */
static G_NORETURN void give_up(const char *what)
{
    const char *const words[] = {
        "xen-nic-pgd: cannot ", what, ": ", strerrordesc_np(errno), "\n"
    };
    unsigned int i;

    for (i = 0; i < G_N_ELEMENTS(words); i++) {
        if (write(STDERR_FILENO, words[i], strlen(words[i])) < 0) {
            break;
        }
    }
    _exit(EXIT_CANNOT_EXEC);
}

/*
 * become_qemu: what the child does, from fork() to its end
 * @go: readable with one byte when the pid file is there
 */
static G_NORETURN void become_qemu(const Child *child, int go)
{
    const char *problem;
    char byte;

    if (read(go, &byte, 1) != 1) {
        _exit(EXIT_FAILURE);
    }
    signal(SIGPIPE, SIG_DFL);
    /* Ctrl-C at the daemon's terminal is not for the guests' network */
    setsid();
    dup2(child->null_fd, STDIN_FILENO);
    dup2(child->log_fd, STDOUT_FILENO);
    dup2(child->log_fd, STDERR_FILENO);
    close_range(STDERR_FILENO + 1, ~0U, 0);
    problem = child->jail ? jail_enter(child->jail) : NULL;
    if (problem) {
        give_up(problem);
    }
    execv(child->program, child->argv);
    give_up("execute this QEMU");
}

static bool write_pid_file(const QemuConfig *config, unsigned int domid,
                           pid_t pid, GError **err)
{
    g_autofree char *path = run_path(config, domid, "pid");
    g_autofree char *text = g_strdup_printf("%d\n", (int)pid);

    return g_file_set_contents(path, text, -1, err);
}

/*
 * let_go: tell the child that it may become QEMU, once its pid is on record
 */
static bool let_go(const QemuConfig *config, unsigned int domid,
                   const QemuProcess *process, int go, GError **err)
{
    if (process->pidfd < 0) {
        set_errno_error(err, "cannot get a pidfd for process %d",
                        (int)process->pid);
        return false;
    }
    if (!write_pid_file(config, domid, process->pid, err) ||
        (config->scope && !scope_make(domid, process->pid, err))) {
        return false;
    }
    if (write(go, "", 1) != 1) {
        set_errno_error(err, "cannot wake process %d", (int)process->pid);
        return false;
    }
    return true;
}

/*
 * fork_qemu: make the process, which then waits at the other end of a pipe
 *
 * Returns our end of the pipe, or -1 with the reason in @err.
 */
static int fork_qemu(const Child *child, QemuProcess *process, GError **err)
{
    unsigned long flags = SIGCHLD | (child->jail ? jail_namespaces : 0);
    int pipe_fd[2];

    if (pipe2(pipe_fd, O_CLOEXEC) < 0) {
        set_errno_error(err, "cannot make a pipe");
        return -1;
    }
    /* fork(), but for the namespaces */
    process->pid = syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
    if (process->pid == 0) {
        close(pipe_fd[1]);
        become_qemu(child, pipe_fd[0]);
    }
    close(pipe_fd[0]);
    if (process->pid < 0) {
        set_errno_error(err, "cannot fork");
        close(pipe_fd[1]);
        return -1;
    }
    process->pidfd = pidfd_open(process->pid, 0);
    return pipe_fd[1];
}

static bool start_child(const QemuConfig *config, unsigned int domid,
                        const Child *child, QemuProcess *process, GError **err)
{
    int go = fork_qemu(child, process, err);
    bool ok;

    if (go < 0) {
        return false;
    }
    ok = let_go(config, domid, process, go, err);
    close(go);
    if (!ok) {
        waitpid(process->pid, NULL, 0);
        qemu_forget(process);
        qemu_remove_files(config, domid, false);
    }
    return ok;
}

/*
 * open_files: a log, and /dev/null
 */
static bool open_files(const QemuConfig *config, unsigned int domid,
                       Child *child, GError **err)
{
    g_autofree char *log = qemu_log_path(config, domid);

    child->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (child->null_fd < 0) {
        set_errno_error(err, "cannot open /dev/null");
        return false;
    }
    child->log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (child->log_fd < 0) {
        set_errno_error(err, "cannot open log %s", log);
        close(child->null_fd);
        return false;
    }
    return true;
}

/*
 * prepare_jail: what a jailed child is, and what it will find
 *
 * Returns false with the reason in @err.
 */
static bool prepare_jail(const QemuConfig *config, unsigned int domid,
                         Jail *jail, Child *child, GError **err)
{
    g_autofree char *store = run_path(config, domid, "xs");
    char **qemu = child->argv;

    *jail = (Jail) {
        .root = config->jail_root, .uid = config->uid, .gid = config->gid,
    };
    if (!jail_prepare(jail, config->dev, err)) {
        return false;
    }
    child->jail = jail;
    child->program = OWN_BINARY;
    child->argv = gate_args(store, config->self, domid, jail, qemu);
    g_strfreev(qemu);
    return true;
}

bool qemu_start(const QemuConfig *config, unsigned int domid,
                QemuProcess *process, GError **err)
{
    Child child = {
        .program = config->binary, .argv = qemu_build_argv(config, domid),
    };
    Jail jail;
    bool ok = (!config->jail_root ||
               prepare_jail(config, domid, &jail, &child, err)) &&
              open_files(config, domid, &child, err);

    if (ok) {
        ok = start_child(config, domid, &child, process, err);
        close(child.log_fd);
        close(child.null_fd);
    }
    g_strfreev(child.argv);
    return ok;
}

/*
 * command_line_matches: is this what qemu_build_argv() makes for the guest?
 * @cmdline: NUL-terminated arguments, one after the other
 *
 * Only what every version of the daemon passes is compared, so that another
 * --qemu or --device-opts than last time doesn't hide a running QEMU.
 */
static bool command_line_matches(const QemuConfig *config, unsigned int domid,
                                 const char *cmdline, gsize len)
{
    g_autofree char *domid_text = g_strdup_printf("%u", domid);
    g_autofree char *qmp = qmp_option(config, domid);
    const char *arg, *previous = "";
    bool has_domid = false, has_qmp = false;

    for (arg = cmdline; arg < cmdline + len; arg += strlen(arg) + 1) {
        has_domid |= g_str_equal(previous, "-xen-domid") &&
                     g_str_equal(arg, domid_text);
        has_qmp |= g_str_equal(previous, "-qmp") && g_str_equal(arg, qmp);
        previous = arg;
    }
    return has_domid && has_qmp;
}

static bool is_our_qemu(const QemuConfig *config, unsigned int domid,
                        pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", (int)pid);
    g_autofree char *cmdline = NULL;
    gsize len;

    return g_file_get_contents(path, &cmdline, &len, NULL) &&
           command_line_matches(config, domid, cmdline, len);
}

static pid_t read_pid_file(const QemuConfig *config, unsigned int domid)
{
    g_autofree char *path = run_path(config, domid, "pid");
    g_autofree char *text = NULL;
    unsigned int pid;

    if (!g_file_get_contents(path, &text, NULL, NULL) ||
        !parse_id(g_strchomp(text), G_MAXINT, &pid)) {
        return 0;
    }
    return pid;
}

bool qemu_adopt(const QemuConfig *config, unsigned int domid,
                QemuProcess *process)
{
    pid_t pid = read_pid_file(config, domid);
    int pidfd;

    if (pid == 0) {
        return false;
    }
    pidfd = pidfd_open(pid, 0);
    if (pidfd < 0) {
        return false;
    }
    if (!is_our_qemu(config, domid, pid)) {
        close(pidfd);
        return false;
    }
    process->pid = pid;
    process->pidfd = pidfd;
    return true;
}

GArray *qemu_list_pid_files(const QemuConfig *config)
{
    GArray *domids = g_array_new(false, false, sizeof(unsigned int));
    g_autoptr(GDir) dir = g_dir_open(config->run_dir, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *stem = NULL;
        unsigned int domid;

        if (!g_str_has_suffix(name, ".pid")) {
            continue;
        }
        stem = g_strndup(name, strlen(name) - strlen(".pid"));
        if (parse_id(stem, DOMID_MAX, &domid)) {
            g_array_append_val(domids, domid);
        }
    }
    return domids;
}

void qemu_signal(const QemuProcess *process, int signal)
{
    if (pidfd_send_signal(process->pidfd, signal, NULL, 0) < 0 &&
        errno != ESRCH) {
        log_line("cannot send signal %d to QEMU pid %d: %s", signal,
                 (int)process->pid, g_strerror(errno));
    }
}

static char *describe_end(const siginfo_t *info)
{
    if (info->si_code == CLD_EXITED) {
        return g_strdup_printf("exited with status %d", info->si_status);
    }
    return g_strdup_printf("was killed by signal %d (%s)", info->si_status,
                           g_strsignal(info->si_status));
}

char *qemu_reap(QemuProcess *process)
{
    siginfo_t info = { 0 };
    char *end;

    if (waitid(P_PIDFD, process->pidfd, &info, WEXITED | WNOHANG) == 0) {
        end = describe_end(&info);
    } else {
        /* An adopted QEMU is not our child: its parent gets the status. */
        end = g_strdup("ended (status unknown: an earlier xen-nic-pgd "
                       "started it)");
    }
    qemu_forget(process);
    return end;
}

void qemu_forget(QemuProcess *process)
{
    if (process->pidfd >= 0) {
        close(process->pidfd);
        process->pidfd = -1;
    }
}

void qemu_remove_files(const QemuConfig *config, unsigned int domid,
                       bool with_log)
{
    g_autofree char *qmp = run_path(config, domid, "qmp");
    g_autofree char *pid = run_path(config, domid, "pid");
    g_autofree char *store = run_path(config, domid, "xs");
    g_autofree char *log = qemu_log_path(config, domid);

    g_unlink(qmp);
    g_unlink(pid);
    g_unlink(store);
    if (with_log && !config->keep_logs) {
        g_unlink(log);
    }
}

/*
 * read_end: the last bytes of a file, which may be long
 */
static char *read_end(const char *path, size_t max)
{
    g_autofree char *text = g_malloc(max + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len;

    if (fd < 0) {
        return NULL;
    }
    if (lseek(fd, -(off_t)max, SEEK_END) < 0) {
        lseek(fd, 0, SEEK_SET);
    }
    len = read(fd, text, max);
    close(fd);
    if (len < 0) {
        return NULL;
    }
    text[len] = '\0';
    return g_steal_pointer(&text);
}

char *qemu_read_last_words(const QemuConfig *config, unsigned int domid)
{
    g_autofree char *path = qemu_log_path(config, domid);
    g_autofree char *text = read_end(path, 1024);
    const char *newline;

    if (!text || !*g_strchomp(text)) {
        return NULL;
    }
    newline = strrchr(text, '\n');
    return g_strdup(newline ? newline + 1 : text);
}
