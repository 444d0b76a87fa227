/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * labxdp: an XDP program that passes on the frames that it finds
 *
 *   labxdp eth0
 *
 * attaches it in the driver, not in the generic code behind that, and prints
 * "attached". At SIGTERM it takes the program off again and prints
 *
 *   1234 passed, 0 dropped
 *
 * The program passes on IPv4, IPv6 and ARP, and drops all else. If a frame
 * isn't where the driver believes it to be, the bytes that it takes for the
 * EtherType are others, and the frame is dropped. It counts by what it does.
 *
 * It is so short that it is written out as instructions: that takes no compiler
 * for BPF, and no libbpf. A BPF link attaches it, which goes with this process.
 * labxdp is linked statically, so that it runs in a guest that has little else.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INSN(operation, to, from, offset, number) \
    { .code = (operation), .dst_reg = (to), .src_reg = (from), \
      .off = (offset), .imm = (number) }

#define LOAD(size) (BPF_LDX | BPF_MEM | (size))
#define MOVE(kind) (BPF_ALU64 | BPF_MOV | (kind))
#define ADD (BPF_ALU64 | BPF_ADD | BPF_K)
#define JUMP(condition, kind) (BPF_JMP | (condition) | (kind))

static int call_bpf(const char *what, int command, union bpf_attr *attr)
{
    int result = syscall(SYS_bpf, command, attr, sizeof(*attr));

    if (result < 0) {
        fprintf(stderr, "labxdp: %s: %s\n", what, strerror(errno));
        exit(1);
    }
    return result;
}

/*
 * make_counters: make a map with a number for each action; return its file
 */
static int make_counters(void)
{
    union bpf_attr attr = {
        .map_type = BPF_MAP_TYPE_ARRAY,
        .key_size = sizeof(uint32_t),
        .value_size = sizeof(uint64_t),
        .max_entries = XDP_PASS + 1,
    };

    return call_bpf("making a map", BPF_MAP_CREATE, &attr);
}

static unsigned long long read_counter(int map, uint32_t action)
{
    uint64_t value = 0;
    union bpf_attr attr = {
        .map_fd = map,
        .key = (uintptr_t)&action,
        .value = (uintptr_t)&value,
    };

    call_bpf("reading a counter", BPF_MAP_LOOKUP_ELEM, &attr);
    return value;
}

/*
 * load_program: load the program, which counts in @map; return its file
 *
 * r6 is what becomes of the frame, and so the number of its counter.
 */
static int load_program(int map)
{
    const struct bpf_insn program[] = {
        INSN(LOAD(BPF_W), 2, 1, offsetof(struct xdp_md, data), 0),
        INSN(LOAD(BPF_W), 3, 1, offsetof(struct xdp_md, data_end), 0),
        INSN(MOVE(BPF_K), 6, 0, 0, XDP_DROP),
        /* is there an Ethernet header, and of a known type? */
        INSN(MOVE(BPF_X), 4, 2, 0, 0),
        INSN(ADD, 4, 0, 0, ETH_HLEN),
        INSN(JUMP(BPF_JGT, BPF_X), 4, 3, 5, 0),
        INSN(LOAD(BPF_H), 4, 2, offsetof(struct ethhdr, h_proto), 0),
        INSN(JUMP(BPF_JEQ, BPF_K), 4, 0, 2, htons(ETH_P_IP)),
        INSN(JUMP(BPF_JEQ, BPF_K), 4, 0, 1, htons(ETH_P_IPV6)),
        INSN(JUMP(BPF_JNE, BPF_K), 4, 0, 1, htons(ETH_P_ARP)),
        INSN(MOVE(BPF_K), 6, 0, 0, XDP_PASS),
        /* r0 = the counter's address, by its number on the stack */
        INSN(BPF_STX | BPF_MEM | BPF_W, 10, 6, -4, 0),
        INSN(MOVE(BPF_X), 2, 10, 0, 0),
        INSN(ADD, 2, 0, 0, -4),
        INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map),
        INSN(0, 0, 0, 0, 0),
        INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
        INSN(JUMP(BPF_JEQ, BPF_K), 0, 0, 2, 0),
        INSN(MOVE(BPF_K), 1, 0, 0, 1),
        INSN(BPF_STX | BPF_ATOMIC | BPF_DW, 0, 1, 0, BPF_ADD),
        INSN(MOVE(BPF_X), 0, 6, 0, 0),
        INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
    };
    union bpf_attr attr = {
        .prog_type = BPF_PROG_TYPE_XDP,
        .insns = (uintptr_t)program,
        .insn_cnt = sizeof(program) / sizeof(program[0]),
        .license = (uintptr_t)"GPL",
    };

    return call_bpf("loading the program", BPF_PROG_LOAD, &attr);
}

static int attach_program(int file, unsigned int interface)
{
    union bpf_attr attr = {
        .link_create = {
            .prog_fd = file,
            .target_ifindex = interface,
            .attach_type = BPF_XDP,
            .flags = XDP_FLAGS_DRV_MODE,
        },
    };

    return call_bpf("attaching the program", BPF_LINK_CREATE, &attr);
}

int main(int argc, char **argv)
{
    unsigned int interface = argc == 2 ? if_nametoindex(argv[1]) : 0;
    sigset_t end;
    int map, link, signum;

    if (!interface) {
        fputs("usage: labxdp INTERFACE\n", stderr);
        return 2;
    }
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigprocmask(SIG_BLOCK, &end, NULL);

    map = make_counters();
    link = attach_program(load_program(map), interface);
    puts("attached");
    fflush(stdout);
    sigwait(&end, &signum);
    close(link);
    printf("%llu passed, %llu dropped\n", read_counter(map, XDP_PASS),
           read_counter(map, XDP_DROP));
    return 0;
}
