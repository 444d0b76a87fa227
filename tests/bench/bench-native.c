/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many frames a second go through a tap, by one way or another
 *
 * One run measures one thing and prints two numbers: frames a second, and the
 * processor time that the backend had for each, in nanoseconds.
 * tests/bench/run runs it for all that is to be compared, in turn.  It needs
 * no root where users may have network namespaces.
 */

#include <stdio.h>
#include <string.h>
#include <time.h>
#include "../qtest/frames.h"
#include "../qtest/tap.h"
#include "bench.h"

/* The longest frame that the ring can name, and the least that is TCP */
#define MAX_FRAME 65535
#define MIN_FRAME 54

static double seconds = 1;
static double warm_up = 0.3;
static int frame_len = 64;
static gboolean receives;
static gboolean persistent;
static char *device_options;

static const GOptionEntry entries[] = {
    { "frame", 'f', 0, G_OPTION_ARG_INT, &frame_len,
      "the length of a frame, with its Ethernet header (64)", "BYTES" },
    { "rx", 'r', 0, G_OPTION_ARG_NONE, &receives,
      "from the tap to the guest (from the guest to the tap)", NULL },
    { "persistent", 'p', 0, G_OPTION_ARG_NONE, &persistent,
      "the guest's pages stay mapped; for xen_nic_pg only", NULL },
    { "device", 'd', 0, G_OPTION_ARG_STRING, &device_options,
      "further options of -device xen-nic-pg", ",KEY=VALUE..." },
    { "seconds", 's', 0, G_OPTION_ARG_DOUBLE, &seconds,
      "for how long (1)", "S" },
    { "warm-up", 'w', 0, G_OPTION_ARG_DOUBLE, &warm_up,
      "and how long before that (0.3)", "S" },
    { NULL }
};

/* Returns a processor clock in nanoseconds. */
static double read_clock(pid_t backend)
{
    clockid_t clock = CLOCK_THREAD_CPUTIME_ID;
    struct timespec now;

    if (backend) {
        g_assert_cmpint(clock_getcpuclockid(backend, &clock), ==, 0);
    }
    clock_gettime(clock, &now);
    return now.tv_sec * 1e9 + now.tv_nsec;
}

static BenchResult run_for(BenchStep *step, void *opaque, double time,
                           pid_t backend)
{
    double cpu = read_clock(backend);
    gint64 start = g_get_monotonic_time(), now;
    uint64_t frames = 0;

    do {
        frames += step(opaque);
        now = g_get_monotonic_time();
    } while (now - start < time * G_USEC_PER_SEC);
    return (BenchResult) {
        .rate = frames * (double)G_USEC_PER_SEC / (now - start),
        .cpu = (read_clock(backend) - cpu) / MAX(frames, 1),
    };
}

BenchResult bench_measure(BenchStep *step, void *opaque, pid_t backend)
{
    run_for(step, opaque, warm_up, backend);
    return run_for(step, opaque, seconds, backend);
}

static void make_frame(Bench *bench)
{
    static const FrameKind kind = { .tcp = true };

    bench->frame = g_malloc0(bench->len);
    frame_make_headers(bench->frame, bench->len, kind);
    if (bench->len > BENCH_MTU_FRAME) {
        frame_blank_checksum(bench->frame, bench->len, kind);
        bench->vnet = (struct virtio_net_hdr) {
            .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
            .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
            .gso_size = BENCH_GSO_SIZE,
            .hdr_len = frame_payload(kind),
            .csum_start = frame_l4(kind),
            .csum_offset = frame_checksum_offset(kind),
        };
    }
}

/* Returns false if there's no such thing. */
static bool measure(const char *what, const Bench *bench, BenchResult *result)
{
    if (!strcmp(what, "floor")) {
        *result = bench_floor(bench, false);
    } else if (!strcmp(what, "floor-batched")) {
        *result = bench_floor(bench, true);
    } else if (!strcmp(what, "xen_nic")) {
        *result = bench_xen_nic(bench);
    } else if (!strcmp(what, "virtio")) {
        *result = bench_virtio(bench);
    } else if (!strcmp(what, "xen_nic_pg")) {
        *result = bench_xen_nic_pg(bench, persistent, device_options);
    } else {
        return false;
    }
    return true;
}

static char **parse_arguments(int argc, char **argv)
{
    g_autoptr(GOptionContext) context =
        g_option_context_new("floor|floor-batched|xen_nic|virtio|xen_nic_pg");
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "bench-native: %s\n", error->message);
        return NULL;
    }
    if (argc != 2) {
        fprintf(stderr, "bench-native: %d things to measure, expected one; "
                "see --help\n", argc - 1);
        return NULL;
    }
    if (frame_len < MIN_FRAME || frame_len > MAX_FRAME) {
        fprintf(stderr, "bench-native: --frame is %d, expected %d to %d\n",
                frame_len, MIN_FRAME, MAX_FRAME);
        return NULL;
    }
    return argv;
}

int main(int argc, char **argv)
{
    g_autofree char *why = NULL;
    Bench bench = { 0 };
    BenchResult result;
    bool known;

    argv = parse_arguments(argc, argv);
    if (!argv) {
        return 2;
    }
    why = tap_enter_netns();
    if (why) {
        fprintf(stderr, "bench-native: %s\n", why);
        return 1;
    }
    bench.rx = receives;
    bench.len = frame_len;
    make_frame(&bench);
    known = measure(argv[1], &bench, &result);
    g_free(bench.frame);
    if (!known) {
        fprintf(stderr, "bench-native: '%s' can't be measured, expected "
                "floor, floor-batched, xen_nic, virtio or xen_nic_pg\n",
                argv[1]);
        return 2;
    }
    printf("%.1f %.1f\n", result.rate, result.cpu);
    return 0;
}
