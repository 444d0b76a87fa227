/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-nic-pgd: all of xenstore that a jailed QEMU sees.
 *
 * Who is connected to xenstored in dom0 may write whatever it likes: which
 * script the toolstack runs as root, for one. xenstored knows no lesser
 * connections. So a jailed QEMU has none: it is connected to a gate, which is
 * connected to xenstored, and which passes on what is about this QEMU's guest.
 *
 *   QEMU  <-- socket RUN-DIR/<domid>.xs -->  gate  <-->  xenstored
 *
 *   requests    allowed: passed on as they are
 *               else: answered here, by the error that a domain would get
 *   answers     passed on
 *   events      passed on if they are about what QEMU may read
 *
 * What is allowed is in rights(). Reads and watches are about the guest's vifs
 * and about the guest's own directory; writes are about the few keys that a
 * backend has.
 *
 * xenstored's quotas don't count what dom0's connections make it keep, so the
 * gate bounds that: how many watches there are, and how many names are ever
 * written. Transactions, of which xenstored keeps whole copies, nobody needs.
 *
 * A gate is a process of its own, since QEMU outlives the daemon. It is QEMU's
 * parent and the first process of the jail's PID namespace, so that neither is
 * without the other. It connects before it locks itself into the jail. It
 * trusts QEMU with nothing: a message that isn't one ends the connection, and
 * one that doesn't come, or isn't read, ends it after a while: until then
 * xenstored would have to keep what is for QEMU.
 */
#include "pgd-gate.h"

#include "pgd-log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>
#include <xenstore.h>

/* QEMU's two layers of Xen backends have one each. */
#define CONNECTIONS 2

/* xenstored's other entrance, where it runs in another domain */
#define XENBUS "/dev/xen/xenbus"

/* For how long QEMU may leave a message unfinished, or unread */
#define PATIENCE_SECONDS 60

/*
 * QEMU's layers have a watch on each kind of backend, and two or three on each
 * vif, which has about 25 keys. Vifs' numbers are used again.
 */
#define WATCHES_MAX 256
#define NAMES_MAX 1024

#define SIGNALLED 128

typedef struct Message {
    struct xsd_sockmsg header;
    char payload[XENSTORE_PAYLOAD_MAX + 1];     /* and a NUL */
} Message;

typedef struct Connection {
    int qemu;       /* -1: not connected, or not any more */
    int store;
} Connection;

typedef struct Gate {
    char *home;         /* ours, "/local/domain/0/" */
    char *guest_home;   /* "/local/domain/3" */
    const char *domid;
    int listener;
    int qemu_pidfd;
    GHashTable *watches;    /* path and token of each, as GBytes */
    GHashTable *names;      /* what has been written, as GBytes */
    Connection connections[CONNECTIONS];
} Gate;

/* For the signal handler, which passes nothing. */
static volatile pid_t qemu_pid;

/*
 * Rights
 */

typedef enum Right {
    MAY_WATCH = 1,
    MAY_READ = 2,
    MAY_WRITE = 4,
} Right;

/*
 * is_backends_key: is it the backend's to write, and not the toolstack's?
 */
static bool is_backends_key(const char *key)
{
    static const char *const keys[] = {
        "state", "hotplug-status", "carrier", "multi-queue-max-queues",
        "max-persistent-grants", "tap-queues", NULL
    };

    return g_strv_contains(keys, key) || g_str_has_prefix(key, "feature-");
}

/*
 * backend_rights: QEMU's layers watch all kinds of backends, also those that
 * they don't get to see
 * @part: what follows "backend", @n parts
 */
static unsigned int backend_rights(const Gate *gate, char **part,
                                   unsigned int n)
{
    if (n == 0) {
        return MAY_READ | MAY_WATCH;
    }
    if (n == 1 || !g_str_equal(part[0], "vif")) {
        return MAY_WATCH;
    }
    if (!g_str_equal(part[1], gate->domid)) {
        return 0;
    }
    if (n == 4 && is_backends_key(part[3])) {
        return MAY_READ | MAY_WATCH | MAY_WRITE;
    }
    return MAY_READ | MAY_WATCH;
}

/*
 * home_rights: what may be done to a node below our own directory
 */
static unsigned int home_rights(const Gate *gate, const char *path)
{
    g_auto(GStrv) part = g_strsplit(path, "/", -1);
    unsigned int n = g_strv_length(part);

    if (g_str_equal(path, "domid")) {
        return MAY_READ;
    }
    if (n >= 1 && g_str_equal(part[0], "backend")) {
        return backend_rights(gate, part + 1, n - 1);
    }
    if (n >= 2 && g_str_equal(part[0], "device-model") &&
        g_str_equal(part[1], gate->domid)) {
        return MAY_READ | MAY_WATCH | MAY_WRITE;
    }
    if (n >= 4 && g_str_equal(part[0], "error") &&
        g_str_equal(part[1], "backend") && g_str_equal(part[2], "vif") &&
        g_str_equal(part[3], gate->domid)) {
        return MAY_READ | MAY_WATCH | MAY_WRITE;
    }
    return 0;
}

static unsigned int rights(const Gate *gate, const char *path)
{
    size_t len = strlen(gate->guest_home);

    if (path[0] != '/') {
        return home_rights(gate, path);
    }
    if (g_str_has_prefix(path, gate->home)) {
        return home_rights(gate, path + strlen(gate->home));
    }
    if (strncmp(path, gate->guest_home, len) == 0 &&
        (path[len] == '/' || path[len] == '\0')) {
        return MAY_READ | MAY_WATCH;
    }
    return 0;
}

/*
 * is_allowed: may this request go to xenstored?
 */
static bool is_allowed(const Gate *gate, const Message *request)
{
    switch (request->header.type) {
    case XS_GET_DOMAIN_PATH:
        return true;
    case XS_DIRECTORY:
    case XS_DIRECTORY_PART:
    case XS_READ:
    case XS_GET_PERMS:
        return rights(gate, request->payload) & MAY_READ;
    case XS_WATCH:
    case XS_UNWATCH:
        return rights(gate, request->payload) & MAY_WATCH;
    case XS_WRITE:
    case XS_MKDIR:
    case XS_RM:
    case XS_SET_PERMS:
        return rights(gate, request->payload) & MAY_WRITE;
    default:
        return false;
    }
}

/*
 * Amounts
 */

/*
 * remember: have @data in a set that may have @max elements
 *
 * Returns whether it is there now.
 */
static bool remember(GHashTable *set, unsigned int max, const void *data,
                     size_t len)
{
    GBytes *element = g_bytes_new(data, len);

    if (g_hash_table_size(set) >= max && !g_hash_table_contains(set, element)) {
        g_bytes_unref(element);
        return false;
    }
    g_hash_table_add(set, element);
    return true;
}

static void forget(GHashTable *set, const void *data, size_t len)
{
    g_autoptr(GBytes) element = g_bytes_new(data, len);

    g_hash_table_remove(set, element);
}

/*
 * has_room: is there room for what xenstored will keep for this request?
 *
 * Names that QEMU has removed stay counted: what is removed isn't always what
 * it looks like, as a node goes with all that is below it.
 */
static bool has_room(const Gate *gate, const Message *request)
{
    const char *payload = request->payload;

    switch (request->header.type) {
    case XS_WATCH:
        return remember(gate->watches, WATCHES_MAX, payload,
                        request->header.len);
    case XS_UNWATCH:
        forget(gate->watches, payload, request->header.len);
        return true;
    case XS_WRITE:
    case XS_MKDIR:
        return remember(gate->names, NAMES_MAX, payload, strlen(payload));
    default:
        return true;
    }
}

/*
 * Messages
 */

static bool read_all(int fd, void *data, size_t len)
{
    char *at = data;

    while (len > 0) {
        ssize_t n = TEMP_FAILURE_RETRY(read(fd, at, len));

        if (n <= 0) {
            return false;
        }
        at += n;
        len -= n;
    }
    return true;
}

static bool write_all(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = TEMP_FAILURE_RETRY(write(fd, at, len));

        if (n <= 0) {
            return false;
        }
        at += n;
        len -= n;
    }
    return true;
}

/*
 * receive: read a message as a whole
 *
 * Returns false if there is none, or none that makes sense.
 */
static bool receive(int fd, Message *message)
{
    if (!read_all(fd, &message->header, sizeof(message->header)) ||
        message->header.len > XENSTORE_PAYLOAD_MAX ||
        !read_all(fd, message->payload, message->header.len)) {
        return false;
    }
    message->payload[message->header.len] = '\0';
    return true;
}

static bool transmit(int fd, const Message *message)
{
    return write_all(fd, message,
                     sizeof(message->header) + message->header.len);
}

/*
 * refuse: answer a request by an error, which has a name in xs_wire.h
 */
static bool refuse(int fd, const Message *request, const char *error)
{
    Message answer = { .header = request->header };

    answer.header.type = XS_ERROR;
    answer.header.len = strlen(error) + 1;
    memcpy(answer.payload, error, answer.header.len);
    return transmit(fd, &answer);
}

static bool pass_request(const Gate *gate, const Connection *connection)
{
    Message request;

    if (!receive(connection->qemu, &request)) {
        return false;
    }
    if (!is_allowed(gate, &request)) {
        return refuse(connection->qemu, &request, "EACCES");
    }
    if (!has_room(gate, &request)) {
        return refuse(connection->qemu, &request, "ENOSPC");
    }
    return transmit(connection->store, &request);
}

static bool pass_answer(const Gate *gate, const Connection *connection)
{
    Message answer;

    if (!receive(connection->store, &answer)) {
        return false;
    }
    if (answer.header.type == XS_WATCH_EVENT &&
        !(rights(gate, answer.payload) & MAY_READ)) {
        return true;
    }
    return transmit(connection->qemu, &answer);
}

/*
 * Connections
 */

static bool set_address(struct sockaddr_un *address, const char *path)
{
    *address = (struct sockaddr_un) { .sun_family = AF_UNIX };
    return g_strlcpy(address->sun_path, path, sizeof(address->sun_path)) <
           sizeof(address->sun_path);
}

static int connect_to_store(void)
{
    struct sockaddr_un address;
    int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (sock >= 0 && set_address(&address, xs_daemon_socket()) &&
        connect(sock, (struct sockaddr *)&address, sizeof(address)) == 0) {
        return sock;
    }
    close(sock);
    return open(XENBUS, O_RDWR | O_CLOEXEC);
}

static int listen_for_qemu(const char *path)
{
    struct sockaddr_un address;
    int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    unlink(path);
    if (sock < 0 || !set_address(&address, path) ||
        bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(sock, CONNECTIONS) < 0) {
        return -1;
    }
    return sock;
}

static GHashTable *make_set(void)
{
    return g_hash_table_new_full(g_bytes_hash, g_bytes_equal,
                                 (GDestroyNotify)g_bytes_unref, NULL);
}

static bool open_gate(Gate *gate, const char *path)
{
    unsigned int i;

    gate->watches = make_set();
    gate->names = make_set();
    for (i = 0; i < CONNECTIONS; i++) {
        gate->connections[i].qemu = -1;
        gate->connections[i].store = connect_to_store();
        if (gate->connections[i].store < 0) {
            log_line("cannot connect to xenstored: %s", g_strerror(errno));
            return false;
        }
    }
    gate->listener = listen_for_qemu(path);
    if (gate->listener < 0) {
        log_line("cannot listen on %s: %s", path, g_strerror(errno));
        return false;
    }
    return true;
}

/*
 * accept_qemu: give a connection of QEMU's one of xenstored's
 */
static void accept_qemu(Gate *gate)
{
    const struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
    int sock = accept4(gate->listener, NULL, NULL, SOCK_CLOEXEC);
    unsigned int i;

    setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    for (i = 0; sock >= 0 && i < CONNECTIONS; i++) {
        if (gate->connections[i].qemu < 0 && gate->connections[i].store >= 0) {
            gate->connections[i].qemu = sock;
            return;
        }
    }
    close(sock);
}

static void end_connection(Connection *connection)
{
    close(connection->qemu);
    close(connection->store);
    connection->qemu = -1;
    connection->store = -1;
}

/*
 * Life
 */

static void pass_signal_on(int signal)
{
    kill(qemu_pid, signal);
}

static bool start_qemu(Gate *gate, const char *socket, char **argv)
{
    const struct sigaction pass_on = { .sa_handler = pass_signal_on };

    qemu_pid = fork();
    if (qemu_pid == 0) {
        g_setenv("XENSTORED_PATH", socket, true);
        execv(argv[0], argv);
        log_line("cannot execute %s: %s", argv[0], g_strerror(errno));
        _exit(127);
    }
    gate->qemu_pidfd = qemu_pid < 0 ? -1 : pidfd_open(qemu_pid, 0);
    if (gate->qemu_pidfd < 0) {
        log_line("cannot start QEMU: %s", g_strerror(errno));
        return false;
    }
    sigaction(SIGTERM, &pass_on, NULL);
    return true;
}

/*
 * lock_in: from here on, be no more than QEMU will be
 */
static bool lock_in(const Jail *jail)
{
    if (chroot(jail->root) < 0 || chdir("/") < 0 || setgroups(0, NULL) < 0 ||
        setresgid(jail->gid, jail->gid, jail->gid) < 0 ||
        setresuid(jail->uid, jail->uid, jail->uid) < 0) {
        log_line("cannot lock the gate in: %s", g_strerror(errno));
        return false;
    }
    return true;
}

/*
 * serve: pass messages, until QEMU has ended
 */
static void serve(Gate *gate)
{
    for (;;) {
        struct pollfd fds[2 + 2 * CONNECTIONS] = {
            { .fd = gate->qemu_pidfd, .events = POLLIN },
            { .fd = gate->listener, .events = POLLIN },
        };
        unsigned int i;

        for (i = 0; i < CONNECTIONS; i++) {
            const Connection *connection = &gate->connections[i];

            fds[2 + 2 * i].fd = connection->qemu;
            fds[3 + 2 * i].fd = connection->qemu < 0 ? -1 : connection->store;
            fds[2 + 2 * i].events = fds[3 + 2 * i].events = POLLIN;
        }
        if (poll(fds, G_N_ELEMENTS(fds), -1) < 0) {
            continue;
        }
        if (fds[0].revents) {
            return;
        }
        for (i = 0; i < CONNECTIONS; i++) {
            Connection *connection = &gate->connections[i];

            if ((fds[2 + 2 * i].revents && !pass_request(gate, connection)) ||
                (fds[3 + 2 * i].revents && !pass_answer(gate, connection))) {
                end_connection(connection);
            }
        }
        if (fds[1].revents) {
            accept_qemu(gate);
        }
    }
}

static int reap_qemu(void)
{
    int status;

    if (waitpid(qemu_pid, &status, 0) < 0) {
        return EXIT_FAILURE;
    }
    if (WIFSIGNALED(status)) {
        log_line("QEMU was killed by signal %d (%s)", WTERMSIG(status),
                 g_strsignal(WTERMSIG(status)));
        return SIGNALLED + WTERMSIG(status);
    }
    return WEXITSTATUS(status);
}

/* What gate_args() puts before QEMU's command line */
enum {
    ARG_SOCKET, ARG_SELF, ARG_DOMID, ARG_ROOT, ARG_UID, ARG_GID, ARG_QEMU
};

char **gate_args(const char *socket, unsigned int self, unsigned int domid,
                 const Jail *jail, char **qemu)
{
    GStrvBuilder *args = g_strv_builder_new();
    g_autofree char *self_text = g_strdup_printf("%u", self);
    g_autofree char *domid_text = g_strdup_printf("%u", domid);
    g_autofree char *uid = g_strdup_printf("%u", jail->uid);
    g_autofree char *gid = g_strdup_printf("%u", jail->gid);
    char **result;

    g_strv_builder_add_many(args, "xen-nic-pgd", GATE_OPTION, socket, self_text,
                            domid_text, jail->root, uid, gid, NULL);
    g_strv_builder_addv(args, (const char **)qemu);
    result = g_strv_builder_end(args);
    g_strv_builder_unref(args);
    return result;
}

int gate_main(char **args)
{
    Jail jail;
    Gate gate;

    if (g_strv_length(args) <= ARG_QEMU) {
        log_line(GATE_OPTION " is for xen-nic-pgd itself");
        return EXIT_FAILURE;
    }
    jail.root = args[ARG_ROOT];
    jail.uid = atoi(args[ARG_UID]);
    jail.gid = atoi(args[ARG_GID]);
    gate.domid = args[ARG_DOMID];
    gate.home = g_strdup_printf("/local/domain/%s/", args[ARG_SELF]);
    gate.guest_home = g_strdup_printf("/local/domain/%s", gate.domid);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_NAME, "xen-nic-pg-gate");
    if (!open_gate(&gate, args[ARG_SOCKET]) ||
        !start_qemu(&gate, args[ARG_SOCKET], args + ARG_QEMU) ||
        !lock_in(&jail)) {
        return EXIT_FAILURE;
    }
    serve(&gate);
    return reap_qemu();
}
