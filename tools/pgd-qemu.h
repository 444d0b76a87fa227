/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-nic-pgd: one QEMU process, and the files that go with it.
 */
#ifndef PGD_QEMU_H
#define PGD_QEMU_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct QemuConfig {
    char *binary;           /* QEMU, an absolute path */
    char *device_opts;      /* what follows "-device xen-nic-pg,", or NULL */
    char **extra_args;      /* what the user put after "--" */
    char *dev;              /* where device nodes are */
    uid_t uid;              /* who QEMU is once it has started */
    gid_t gid;
    char *jail_root;        /* its root directory then; NULL: it isn't jailed */
    bool scope;             /* give it a scope of systemd's */
    unsigned int self;      /* the domain that we are in */
    char *run_dir;          /* <domid>.qmp, <domid>.pid */
    char *log_dir;          /* <domid>.log */
    bool keep_logs;         /* also of a QEMU that ended as it should */
} QemuConfig;

typedef struct QemuProcess {
    pid_t pid;
    int pidfd;              /* polls readable when the process has ended */
} QemuProcess;

/*
 * qemu_build_argv: the command line for one guest
 */
char **qemu_build_argv(const QemuConfig *config, unsigned int domid);

/*
 * qemu_start: run a QEMU for one guest
 *
 * Returns false, with the reason in @err, if there is none then. That the
 * binary can't be executed shows as a process that ends at once.
 */
bool qemu_start(const QemuConfig *config, unsigned int domid,
                QemuProcess *process, GError **err);

/*
 * qemu_adopt: find the QEMU that an earlier daemon started for one guest
 *
 * Returns false if there is none.
 */
bool qemu_adopt(const QemuConfig *config, unsigned int domid,
                QemuProcess *process);

/*
 * qemu_list_pid_files: domids with a pid file, as an array of unsigned int
 */
GArray *qemu_list_pid_files(const QemuConfig *config);

/*
 * qemu_signal: send a signal, never to a stranger with the same pid
 */
void qemu_signal(const QemuProcess *process, int signal);

/*
 * qemu_reap: close what belongs to a process that has ended
 *
 * Returns how it ended, in words.
 */
char *qemu_reap(QemuProcess *process);

/*
 * qemu_forget: close what belongs to a process that goes on without us
 */
void qemu_forget(QemuProcess *process);

/*
 * qemu_remove_files: remove what a QEMU leaves in the run directory
 * @with_log: also its log, unless logs are to be kept
 */
void qemu_remove_files(const QemuConfig *config, unsigned int domid,
                       bool with_log);

char *qemu_log_path(const QemuConfig *config, unsigned int domid);

/*
 * qemu_read_last_words: the last line of a QEMU's log, NULL if it is empty
 */
char *qemu_read_last_words(const QemuConfig *config, unsigned int domid);

#endif
