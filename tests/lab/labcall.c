/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Have another process make a system call, and say what came of it.
 *
 *   labcall PID NUMBER [ARGUMENT]...
 *
 * An argument is a number, or text, which is put where the process can read it.
 * The call is made by the process itself, with all that it may and may not do:
 * so this is what somebody could do who has taken it over. What is printed is
 * the result, or the error's name, such as EPERM.
 *
 * The thread that is named by PID is stopped wherever it is. An instruction
 * SYSCALL replaces what it would execute next, and is stepped over; text goes
 * to its stack, below what it uses. Then all is put back, and the kernel takes
 * a system call up again that the thread was in.
 *
 * It is for x86-64.
 */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#define MAX_ARGUMENTS 6

/* x86-64's SYSCALL, and how far below the stack pointer a thread may write */
#define SYSCALL 0x050f
#define RED_ZONE 128

typedef unsigned long Word;

static void fail(const char *what)
{
    fprintf(stderr, "labcall: cannot %s: %s\n", what, strerror(errno));
    exit(2);
}

static void wait_until_stopped(pid_t pid)
{
    int status;

    if (waitpid(pid, &status, __WALL) < 0) {
        fail("wait for the process");
    }
    if (!WIFSTOPPED(status)) {
        puts(WIFSIGNALED(status) ? "killed" : "ended");
        exit(0);
    }
}

static void attach(pid_t pid)
{
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0 ||
        ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0) {
        fail("attach");
    }
    wait_until_stopped(pid);
}

static Word peek(pid_t pid, Word address)
{
    Word word;

    errno = 0;
    word = ptrace(PTRACE_PEEKDATA, pid, address, NULL);
    if (errno) {
        fail("read memory");
    }
    return word;
}

static void poke(pid_t pid, Word address, Word word)
{
    if (ptrace(PTRACE_POKEDATA, pid, address, word) < 0) {
        fail("write memory");
    }
}

/* Put a text below @end; return where it begins. */
static Word push_text(pid_t pid, Word end, const char *text)
{
    size_t words = strlen(text) / sizeof(Word) + 1;
    Word start = (end - words * sizeof(Word)) & ~(sizeof(Word) - 1);
    Word copy[words];

    memset(copy, 0, sizeof(copy));
    memcpy(copy, text, strlen(text));
    for (size_t i = 0; i < words; i++) {
        poke(pid, start + i * sizeof(Word), copy[i]);
    }
    return start;
}

/* A number as it is; or where a text has been put, below *@stack. */
static Word make_argument(pid_t pid, const char *argument, Word *stack)
{
    long number;
    char more;

    if (sscanf(argument, "%li%c", &number, &more) == 1) {
        return number;
    }
    *stack = push_text(pid, *stack, argument);
    return *stack;
}

static void set_registers(pid_t pid, const struct user_regs_struct *registers)
{
    if (ptrace(PTRACE_SETREGS, pid, NULL, registers) < 0) {
        fail("set registers");
    }
}

static void get_registers(pid_t pid, struct user_regs_struct *registers)
{
    if (ptrace(PTRACE_GETREGS, pid, NULL, registers) < 0) {
        fail("get registers");
    }
}

static long call(pid_t pid, long number, char **arguments, int nr)
{
    struct user_regs_struct before, now;
    Word text, stack, values[MAX_ARGUMENTS] = { 0 };

    get_registers(pid, &before);
    stack = before.rsp - RED_ZONE;
    for (int i = 0; i < nr; i++) {
        values[i] = make_argument(pid, arguments[i], &stack);
    }
    now = before;
    now.orig_rax = -1;      /* no system call is to be taken up again yet */
    now.rax = number;
    now.rdi = values[0];
    now.rsi = values[1];
    now.rdx = values[2];
    now.r10 = values[3];
    now.r8 = values[4];
    now.r9 = values[5];
    text = peek(pid, before.rip);
    poke(pid, before.rip, (text & ~(Word)0xffff) | SYSCALL);
    set_registers(pid, &now);
    if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0) {
        fail("step");
    }
    wait_until_stopped(pid);
    get_registers(pid, &now);
    poke(pid, before.rip, text);
    set_registers(pid, &before);
    return now.rax;
}

int main(int argc, char **argv)
{
    long result;
    pid_t pid;

    if (argc < 3 || argc > 3 + MAX_ARGUMENTS) {
        fprintf(stderr, "usage: labcall PID NUMBER [ARGUMENT]...\n");
        return 2;
    }
    pid = atoi(argv[1]);
    attach(pid);
    result = call(pid, atol(argv[2]), argv + 3, argc - 3);
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
    printf("%ld\n", result);
    return 0;
}
