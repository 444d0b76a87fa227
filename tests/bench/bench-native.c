/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many frames a second go through a tap, by one way or another
 *
 * One run measures one thing and prints one number, frames a second.
 * tests/bench/run runs it for all that is to be compared, in turn.  It needs
 * no root where users may have network namespaces.
 */

#include <stdio.h>
#include <string.h>
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

static uint64_t run_for(BenchStep *step, void *opaque, double time,
                        double *taken)
{
    gint64 start = g_get_monotonic_time(), now;
    uint64_t frames = 0;

    do {
        frames += step(opaque);
        now = g_get_monotonic_time();
    } while (now - start < time * G_USEC_PER_SEC);
    *taken = (double)(now - start) / G_USEC_PER_SEC;
    return frames;
}

double bench_measure(BenchStep *step, void *opaque)
{
    double taken;
    uint64_t frames;

    run_for(step, opaque, warm_up, &taken);
    frames = run_for(step, opaque, seconds, &taken);
    return frames / taken;
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

/* Returns a negative number if there's no such thing. */
static double measure(const char *what, const Bench *bench)
{
    if (!strcmp(what, "floor")) {
        return bench_floor(bench, false);
    }
    if (!strcmp(what, "floor-batched")) {
        return bench_floor(bench, true);
    }
    if (!strcmp(what, "xen_nic")) {
        return bench_xen_nic(bench);
    }
    if (!strcmp(what, "xen_nic_pg")) {
        return bench_xen_nic_pg(bench, persistent, device_options);
    }
    return -1;
}

static char **parse_arguments(int argc, char **argv)
{
    g_autoptr(GOptionContext) context =
        g_option_context_new("floor|floor-batched|xen_nic|xen_nic_pg");
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
    double rate;

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
    rate = measure(argv[1], &bench);
    g_free(bench.frame);
    if (rate < 0) {
        fprintf(stderr, "bench-native: '%s' can't be measured, expected "
                "floor, floor-batched, xen_nic or xen_nic_pg\n", argv[1]);
        return 2;
    }
    printf("%.1f\n", rate);
    return 0;
}
