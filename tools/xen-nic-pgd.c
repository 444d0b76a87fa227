/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-nic-pgd: runs a QEMU with xen-nic-pg for each guest that has vifs.
 *
 * For a PV or PVH guest the toolstack starts no QEMU on behalf of a vif. It
 * makes backend/vif/<domid>/<devid> in xenstore and waits for somebody to
 * answer. In a domain where kernel xen-netback isn't loaded, nobody does.
 * This daemon makes somebody do so: it watches backend/vif and sees to it
 * that each guest that appears there has a QEMU, as long as it is there.
 *
 * The daemon holds no state that matters. What should run is in xenstore,
 * what does run is in the run directory and in /proc. It can end, be
 * upgraded and be started again while guests go on talking.
 *
 *   xen-nic-pgd.c  options, files, signals, the main loop
 *   pgd-guests.c   what each guest needs now
 *   pgd-qemu.c     starting, finding and ending QEMU processes
 *   pgd-jail.c     what a QEMU may do
 *   pgd-gate.c     what of xenstore it sees
 *   pgd-scope.c    its cgroup, by systemd
 *   pgd-tap.c      the vifs' taps
 *   pgd-store.c    what is read from and written to xenstore
 *   pgd-log.c      lines on stderr
 *
 * Start-up goes from checks without effects to effects, so that a daemon
 * that refuses to run has changed nothing: options, netback, directories,
 * lock, xenstore, adoption.
 */
#include "pgd-gate.h"
#include "pgd-guests.h"
#include "pgd-log.h"
#include "pgd-qemu.h"
#include "pgd-store.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PGD_VERSION
#define PGD_VERSION "unknown"
#endif

#define DEFAULT_QEMU "qemu-system-x86_64"
#define DEFAULT_RUN_DIR "/run/xen-nic-pg"
#define DEFAULT_SYSFS "/sys"
#define DEFAULT_DEV "/dev"
#define DEFAULT_USER "xen-nic-pg"
#define DEFAULT_GRACE 10
#define MAX_GRACE 3600
#define DEFAULT_RESTARTS 5
#define MAX_RESTARTS 10000

/* How often to see whether xenstored is still there. */
#define HEARTBEAT_SECONDS 5

/* Exit statuses, besides EXIT_SUCCESS and EXIT_FAILURE; documented. */
enum {
    EXIT_USAGE = 2,
    EXIT_NETBACK = 3,
    EXIT_LOCKED = 4,
};

typedef struct Daemon {
    GuestsConfig guests_config;
    char *user;             /* whom QEMUs are to run as, NULL: the default */
    char *pidfile;
    bool daemonize;
    bool stop_qemus;
    int ready_fd;           /* where the parent of --daemonize waits, or -1 */
    Store *store;
    Guests *guests;
    GMainLoop *loop;
    bool ending;
} Daemon;

/* For atexit(), which passes nothing. */
static char *pidfile_to_remove;

static const char usage[] =
    "Usage: xen-nic-pgd [OPTION]... [-- QEMU-ARGUMENT...]\n"
    "Runs a QEMU with the device xen-nic-pg for each guest that has vifs with\n"
    "this domain as their backend.\n"
    "\n"
    "  --qemu PATH           the QEMU to run (" DEFAULT_QEMU ")\n"
    "  --device-opts STRING  options of -device xen-nic-pg, as\n"
    "                        PROPERTY=VALUE[,PROPERTY=VALUE]...\n"
    "  --run-dir DIR         pid files, QMP sockets (" DEFAULT_RUN_DIR ")\n"
    "  --log-dir DIR         QEMUs' output, kept when they end (default: the\n"
    "                        run directory, and removed if all went well)\n"
    "  --user NAME           jail QEMUs, as this user (" DEFAULT_USER " if\n"
    "                        there is one); root: don't\n"
    "  --scope               have systemd give each QEMU a cgroup, with limits\n"
    "  --restarts N          start a guest's QEMU anew when it dies, at once up\n"
    "                        to N times a minute (5); 0: close its vifs\n"
    "  --grace SECONDS       from SIGTERM to SIGKILL for a QEMU (10)\n"
    "  --stop-qemus-on-exit  on SIGTERM, end the QEMUs too; otherwise they go\n"
    "                        on, and the next xen-nic-pgd finds them\n"
    "  --pidfile FILE        write our own pid there\n"
    "  --foreground          stay in the foreground (default)\n"
    "  --daemonize           go to the background when ready\n"
    "  --sysfs DIR           where sysfs is mounted (" DEFAULT_SYSFS ")\n"
    "  --dev DIR             where device nodes are (" DEFAULT_DEV ")\n"
    "  --version             say which version this is\n"
    "  --help                say this\n"
    "\n"
    "Exit status: 0 ended by a signal; 1 failure; 2 wrong usage; 3 kernel\n"
    "xen-netback is loaded; 4 the run directory has another xen-nic-pgd.\n";

static G_NORETURN void refuse_usage(const char *fmt, ...) G_GNUC_PRINTF(1, 2);

static G_NORETURN void refuse_usage(const char *fmt, ...)
{
    va_list args;
    char *text;

    va_start(args, fmt);
    text = g_strdup_vprintf(fmt, args);
    va_end(args);
    log_line("%s; see xen-nic-pgd --help", text);
    g_free(text);
    exit(EXIT_USAGE);
}

static char *find_qemu(const char *name)
{
    g_autofree char *path = g_find_program_in_path(name);

    if (!path) {
        refuse_usage("--qemu: '%s' is not an executable file%s", name,
                     strchr(name, '/') ? "" : " in any directory of PATH");
    }
    return g_canonicalize_filename(path, NULL);
}

static void set_path(char **where, const char *path)
{
    g_free(*where);
    *where = g_canonicalize_filename(path, NULL);
}

static unsigned int parse_number(const char *option, const char *text,
                                 const char *unit, unsigned int max)
{
    unsigned int number;

    if (!parse_id(text, max, &number)) {
        refuse_usage("%s: '%s' is not a number of %s from 0 to %u", option,
                     text, unit, max);
    }
    return number;
}

static void print_version(void)
{
    puts("xen-nic-pgd " PGD_VERSION);
    exit(EXIT_SUCCESS);
}

static void print_help(void)
{
    fputs(usage, stdout);
    exit(EXIT_SUCCESS);
}

enum {
    OPT_QEMU = 1, OPT_DEVICE_OPTS, OPT_RUN_DIR, OPT_LOG_DIR, OPT_USER,
    OPT_SCOPE, OPT_RESTARTS, OPT_GRACE, OPT_STOP_QEMUS, OPT_PIDFILE,
    OPT_FOREGROUND, OPT_DAEMONIZE, OPT_SYSFS, OPT_DEV, OPT_VERSION, OPT_HELP,
};

static const struct option options[] = {
    { "qemu", required_argument, NULL, OPT_QEMU },
    { "device-opts", required_argument, NULL, OPT_DEVICE_OPTS },
    { "run-dir", required_argument, NULL, OPT_RUN_DIR },
    { "log-dir", required_argument, NULL, OPT_LOG_DIR },
    { "user", required_argument, NULL, OPT_USER },
    { "scope", no_argument, NULL, OPT_SCOPE },
    { "restarts", required_argument, NULL, OPT_RESTARTS },
    { "grace", required_argument, NULL, OPT_GRACE },
    { "stop-qemus-on-exit", no_argument, NULL, OPT_STOP_QEMUS },
    { "pidfile", required_argument, NULL, OPT_PIDFILE },
    { "foreground", no_argument, NULL, OPT_FOREGROUND },
    { "daemonize", no_argument, NULL, OPT_DAEMONIZE },
    { "sysfs", required_argument, NULL, OPT_SYSFS },
    { "dev", required_argument, NULL, OPT_DEV },
    { "version", no_argument, NULL, OPT_VERSION },
    { "help", no_argument, NULL, OPT_HELP },
    { 0 }
};

static void take_option(Daemon *daemon, int option)
{
    GuestsConfig *guests = &daemon->guests_config;
    QemuConfig *qemu = &guests->qemu;

    switch (option) {
    case OPT_QEMU:
        g_free(qemu->binary);
        qemu->binary = g_strdup(optarg);
        break;
    case OPT_DEVICE_OPTS:
        g_free(qemu->device_opts);
        qemu->device_opts = g_strdup(optarg);
        break;
    case OPT_RUN_DIR:
        set_path(&qemu->run_dir, optarg);
        break;
    case OPT_LOG_DIR:
        set_path(&qemu->log_dir, optarg);
        break;
    case OPT_USER:
        g_free(daemon->user);
        daemon->user = g_strdup(optarg);
        break;
    case OPT_SCOPE:
        qemu->scope = true;
        break;
    case OPT_RESTARTS:
        guests->restarts = parse_number("--restarts", optarg, "restarts",
                                        MAX_RESTARTS);
        break;
    case OPT_GRACE:
        guests->grace = parse_number("--grace", optarg, "seconds", MAX_GRACE);
        break;
    case OPT_STOP_QEMUS:
        daemon->stop_qemus = true;
        break;
    case OPT_PIDFILE:
        set_path(&daemon->pidfile, optarg);
        break;
    case OPT_FOREGROUND:
        daemon->daemonize = false;
        break;
    case OPT_DAEMONIZE:
        daemon->daemonize = true;
        break;
    case OPT_SYSFS:
        set_path(&guests->sysfs, optarg);
        break;
    case OPT_DEV:
        set_path(&qemu->dev, optarg);
        break;
    case OPT_VERSION:
        print_version();
        break;
    case OPT_HELP:
        print_help();
        break;
    default:
        /* getopt_long() has said what is wrong */
        exit(EXIT_USAGE);
    }
}

/*
 * check_run_dir: QEMU must be able to use its socket's path
 */
static void check_run_dir(const char *run_dir)
{
    g_autofree char *longest = g_strdup_printf("%s/%u.qmp", run_dir,
                                               DOMID_MAX);
    size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

    if (strchr(run_dir, ',')) {
        refuse_usage("--run-dir: '%s' has a comma, which QEMU's options can't "
                     "hold", run_dir);
    }
    if (strlen(longest) > max) {
        refuse_usage("--run-dir: sockets like %s are longer than the %zu "
                     "bytes of a socket's name", longest, max);
    }
}

/*
 * choose_user: who QEMUs will be, and whether they are jailed
 *
 * Only root can jail a process, and there is no use in jailing root's.
 */
static void choose_user(Daemon *daemon)
{
    QemuConfig *qemu = &daemon->guests_config.qemu;
    const struct passwd *user = getpwnam(daemon->user ?: DEFAULT_USER);

    if (daemon->user && !user) {
        refuse_usage("--user: there is no user '%s'", daemon->user);
    }
    if (daemon->user && geteuid() != 0 && user->pw_uid != geteuid()) {
        refuse_usage("--user: only root can run QEMUs as '%s'", daemon->user);
    }
    if (geteuid() != 0 || !user || user->pw_uid == 0) {
        qemu->uid = geteuid();
        qemu->gid = getegid();
        return;
    }
    qemu->uid = user->pw_uid;
    qemu->gid = user->pw_gid;
    qemu->jail_root = g_build_filename(qemu->run_dir, "root", NULL);
}

static void parse_options(Daemon *daemon, int argc, char **argv)
{
    QemuConfig *qemu = &daemon->guests_config.qemu;
    char *name;
    int option;

    /* "+": what follows the first thing that is no option isn't ours */
    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        take_option(daemon, option);
    }
    if (optind < argc && !g_str_equal(argv[optind - 1], "--")) {
        refuse_usage("'%s' is not an option; QEMU's arguments go after --",
                     argv[optind]);
    }
    qemu->extra_args = argv + optind;
    check_run_dir(qemu->run_dir);
    if (qemu->log_dir) {
        qemu->keep_logs = true;
    } else {
        qemu->log_dir = g_strdup(qemu->run_dir);
    }
    name = qemu->binary;
    qemu->binary = find_qemu(name);
    g_free(name);
    choose_user(daemon);
}

static void check_netback(const char *sysfs)
{
    g_autofree char *path = netback_path(sysfs);

    if (path) {
        log_line("refusing to run: kernel xen-netback is loaded (%s exists) "
                 "and takes every vif; unload it with 'rmmod xen_netback' "
                 "when no guest uses it, and keep it from coming back with "
                 "'blacklist xen_netback' in /etc/modprobe.d", path);
        exit(EXIT_NETBACK);
    }
}

/*
 * make_private_dir: make a directory, which only we may write to
 */
static void make_private_dir(const char *option, const char *path)
{
    struct stat st;

    if (g_mkdir_with_parents(path, 0700) < 0 || stat(path, &st) < 0) {
        log_line("%s: cannot make directory %s: %s", option, path,
                 g_strerror(errno));
        exit(EXIT_FAILURE);
    }
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
        (st.st_mode & (S_IWGRP | S_IWOTH))) {
        log_line("%s: %s (mode %04o, owner %u) must be a directory of user %u "
                 "that nobody else can write to", option, path,
                 st.st_mode & 07777, st.st_uid, geteuid());
        exit(EXIT_FAILURE);
    }
}

/*
 * lock_run_dir: one daemon a run directory, or a guest gets two QEMUs
 *
 * The lock lasts as long as the process: the descriptor is never closed.
 */
static void lock_run_dir(const char *run_dir)
{
    g_autofree char *path = g_strdup_printf("%s/lock", run_dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0) {
        log_line("cannot open %s: %s", path, g_strerror(errno));
        exit(EXIT_FAILURE);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        log_line("refusing to run: another xen-nic-pgd uses %s (%s is "
                 "locked)", run_dir, path);
        exit(EXIT_LOCKED);
    }
}

static void remove_pidfile(void)
{
    g_unlink(pidfile_to_remove);
}

static void write_pidfile(const char *path)
{
    g_autofree char *text = g_strdup_printf("%d\n", (int)getpid());
    g_autoptr(GError) err = NULL;

    if (!g_file_set_contents(path, text, -1, &err)) {
        log_line("--pidfile: %s", err->message);
        exit(EXIT_FAILURE);
    }
    pidfile_to_remove = g_strdup(path);
    atexit(remove_pidfile);
}

/*
 * wait_for_child: what the foreground process of --daemonize does
 *
 * The child writes a byte when it is ready. Otherwise its exit status is
 * ours, so that whoever started us learns why.
 */
static G_NORETURN void wait_for_child(int fd, pid_t pid)
{
    char byte;
    int status;

    if (read(fd, &byte, 1) == 1) {
        _exit(EXIT_SUCCESS);
    }
    if (waitpid(pid, &status, 0) == pid && WIFEXITED(status)) {
        _exit(WEXITSTATUS(status));
    }
    _exit(EXIT_FAILURE);
}

/*
 * go_to_background: fork, before there are threads, locks or pid files
 */
static void go_to_background(Daemon *daemon)
{
    int ready[2];
    pid_t pid = -1;

    if (pipe2(ready, O_CLOEXEC) == 0) {
        pid = fork();
    }
    if (pid < 0) {
        log_line("--daemonize: %s", g_strerror(errno));
        exit(EXIT_FAILURE);
    }
    if (pid > 0) {
        close(ready[1]);
        wait_for_child(ready[0], pid);
    }
    close(ready[0]);
    daemon->ready_fd = ready[1];
    setsid();
    if (chdir("/") < 0) {
        log_line("--daemonize: cannot change to /: %s", g_strerror(errno));
        exit(EXIT_FAILURE);
    }
}

/*
 * leave_terminal: from now on, what we say goes to a file
 */
static void leave_terminal(const char *log_dir)
{
    g_autofree char *path = g_strdup_printf("%s/xen-nic-pgd.log", log_dir);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (log < 0 || null < 0) {
        log_line("--daemonize: cannot open %s: %s",
                 log < 0 ? path : "/dev/null", g_strerror(errno));
        exit(EXIT_FAILURE);
    }
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    close(null);
    close(log);
}

/*
 * notify_systemd: sd_notify(3), for a unit of Type=notify
 */
static void notify_systemd(const char *message)
{
    const char *name = g_getenv("NOTIFY_SOCKET");
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    socklen_t len;
    int fd;

    if (!name || strlen(name) >= sizeof(addr.sun_path)) {
        return;
    }
    strcpy(addr.sun_path, name);
    len = offsetof(struct sockaddr_un, sun_path) + strlen(name);
    if (name[0] == '@') {
        addr.sun_path[0] = '\0';    /* an abstract socket */
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, message, strlen(message), MSG_NOSIGNAL,
                         (struct sockaddr *)&addr, len) < 0) {
        log_line("cannot notify %s: %s", name, g_strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void announce_ready(Daemon *daemon)
{
    log_line("ready: watching /local/domain/%u/backend/vif, %u QEMUs running",
             store_self(daemon->store), guests_count_qemus(daemon->guests));
    notify_systemd("READY=1");
    if (daemon->ready_fd >= 0) {
        leave_terminal(daemon->guests_config.qemu.log_dir);
        if (write(daemon->ready_fd, "", 1) != 1) {
            log_line("--daemonize: nobody waits for us");
        }
        close(daemon->ready_fd);
    }
}

/*
 * on_store_event: see to the guests that xenstore's events are about
 *
 * One change of a vif fires several events, so they are gathered first.
 */
static gboolean on_store_event(gint fd, GIOCondition condition,
                               gpointer opaque)
{
    Daemon *daemon = opaque;
    g_autoptr(GHashTable) domids = g_hash_table_new(NULL, NULL);
    GHashTableIter iter;
    gpointer key;
    int domid;

    while (store_next_event(daemon->store, &domid)) {
        g_hash_table_add(domids, GINT_TO_POINTER(domid));
    }
    g_hash_table_iter_init(&iter, domids);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        guests_consider(daemon->guests, GPOINTER_TO_INT(key));
    }
    return G_SOURCE_CONTINUE;
}

static gboolean on_heartbeat(gpointer opaque)
{
    Daemon *daemon = opaque;

    store_check_alive(daemon->store);
    return G_SOURCE_CONTINUE;
}

static void quit(void *opaque)
{
    Daemon *daemon = opaque;

    g_main_loop_quit(daemon->loop);
}

static gboolean on_end_signal(gpointer opaque)
{
    Daemon *daemon = opaque;
    unsigned int n = guests_count_qemus(daemon->guests);

    notify_systemd("STOPPING=1");
    if (daemon->stop_qemus && !daemon->ending) {
        daemon->ending = true;
        log_line("told to end: ending %u QEMUs first", n);
        guests_stop_all(daemon->guests, quit, daemon);
    } else {
        log_line("told to end: leaving %u QEMUs running", n);
        quit(daemon);
    }
    return G_SOURCE_CONTINUE;
}

static void run_loop(Daemon *daemon)
{
    daemon->loop = g_main_loop_new(NULL, false);
    g_unix_fd_add(store_fd(daemon->store), G_IO_IN, on_store_event, daemon);
    g_timeout_add_seconds(HEARTBEAT_SECONDS, on_heartbeat, daemon);
    g_unix_signal_add(SIGTERM, on_end_signal, daemon);
    g_unix_signal_add(SIGINT, on_end_signal, daemon);
    g_main_loop_run(daemon->loop);
    g_main_loop_unref(daemon->loop);
}

static void prepare(Daemon *daemon)
{
    QemuConfig *qemu = &daemon->guests_config.qemu;

    umask(077);
    signal(SIGPIPE, SIG_IGN);
    check_netback(daemon->guests_config.sysfs);
    make_private_dir("--run-dir", qemu->run_dir);
    make_private_dir("--log-dir", qemu->log_dir);
    if (daemon->daemonize) {
        go_to_background(daemon);
    }
    lock_run_dir(qemu->run_dir);
    if (qemu->jail_root) {
        make_private_dir("--run-dir", qemu->jail_root);
    } else if (qemu->uid == 0) {
        log_line("warning: QEMUs run as root, with all that root may do; see "
                 "--user");
    }
    daemon->store = store_open();
    if (!daemon->store) {
        exit(EXIT_FAILURE);
    }
    qemu->self = store_self(daemon->store);
    if (daemon->pidfile) {
        write_pidfile(daemon->pidfile);
    }
}

static void free_config(Daemon *daemon)
{
    QemuConfig *qemu = &daemon->guests_config.qemu;

    g_free(qemu->binary);
    g_free(qemu->device_opts);
    g_free(qemu->run_dir);
    g_free(qemu->log_dir);
    g_free(qemu->dev);
    g_free(qemu->jail_root);
    g_free(daemon->user);
    g_free(daemon->guests_config.sysfs);
    g_free(daemon->pidfile);
}

int main(int argc, char **argv)
{
    Daemon daemon = {
        .guests_config = {
            .qemu = {
                .binary = g_strdup(DEFAULT_QEMU),
                .run_dir = g_strdup(DEFAULT_RUN_DIR),
                .dev = g_strdup(DEFAULT_DEV),
            },
            .sysfs = g_strdup(DEFAULT_SYSFS),
            .grace = DEFAULT_GRACE,
            .restarts = DEFAULT_RESTARTS,
        },
        .ready_fd = -1,
    };

    if (argc > 1 && g_str_equal(argv[1], GATE_OPTION)) {
        return gate_main(argv + 2);
    }
    parse_options(&daemon, argc, argv);
    prepare(&daemon);
    daemon.guests = guests_new(&daemon.guests_config, daemon.store);
    guests_adopt(daemon.guests);
    guests_consider(daemon.guests, STORE_ALL_GUESTS);
    announce_ready(&daemon);
    run_loop(&daemon);
    guests_free(daemon.guests);
    store_close(daemon.store);
    free_config(&daemon);
    return EXIT_SUCCESS;
}
