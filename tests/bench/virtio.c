/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest behind QEMU's virtio-net, without vhost, on a real tap
 *
 *   this process, one thread      QEMU, its main loop
 *   driver ----- virtqueues ------> virtio-net ----- tap ----- network
 *
 * Guest memory is a memfd that both have mapped, so that the driver, which is
 * this process, and the device share the virtqueues as guest and QEMU do.  Only
 * the registers of virtio-mmio are reached by qtest, a command each: to set the
 * device up, and to kick it.  A kick costs more than a guest's, but a busy
 * device needs none (VIRTIO_F_EVENT_IDX).  For that the driver has no
 * interrupts to take: it polls.
 *
 * The frames are as for xen-nic-pg's guest: copied into the guest's memory,
 * published up to BENCH_BURST at a time, received in pages.
 */

#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../qtest/qemu.h"
#include "../qtest/tap.h"
#include "bench.h"

#define PAGE 4096
#define RING_SIZE 256           /* what virtio-net has, and as netif's */
#define MEMORY (64 << 20)
#define MEMORY_OPTION "64M"

/* Where things are in the guest's memory */
#define RINGS 0x10000
#define RING_ROOM 0x10000
#define BUFFERS 0x100000

/* A frame that is sent, with its header */
#define SEND_ROOM (17 * PAGE)

/* microvm's first virtio-mmio transport, and how far apart they are */
#define MMIO_BASE 0xfeb00000
#define MMIO_STRIDE 512
#define MMIO_NR 24

enum { RX, TX };

#define FEATURES (1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_RING_F_EVENT_IDX \
                  | 1ULL << VIRTIO_NET_F_MRG_RXBUF | 1ULL << VIRTIO_NET_F_CSUM \
                  | 1ULL << VIRTIO_NET_F_GUEST_CSUM \
                  | 1ULL << VIRTIO_NET_F_HOST_TSO4 \
                  | 1ULL << VIRTIO_NET_F_GUEST_TSO4)

/**
 * Queue: a virtqueue, whose descriptor i always has buffer i
 * @vring: as the device sees it
 * @used: how many of the used ring were looked at
 */
typedef struct Queue {
    struct vring vring;
    uint16_t used;
} Queue;

/**
 * Virtio:
 * @bench: what is measured
 * @memory: the guest's
 * @fd: the same
 * @qtest: speaks to QEMU
 * @qemu: the process
 * @mmio: address of the device's registers
 * @queues: the two virtqueues
 * @feed: what is received comes from here
 * @received: frames so far
 * @rest: buffers of the last frame that haven't come yet
 */
typedef struct Virtio {
    const Bench *bench;
    uint8_t *memory;
    int fd;
    FILE *qtest;
    GSubprocess *qemu;
    uint64_t mmio;
    Queue queues[2];
    BenchFeed *feed;
    uint64_t received;
    unsigned int rest;
} Virtio;

/*
 * Registers
 */

/* Returns the answer to a command, "OK" left out. */
static uint64_t ask(Virtio *virtio, const char *format, ...)
{
    char answer[80];
    va_list arguments;

    va_start(arguments, format);
    vfprintf(virtio->qtest, format, arguments);
    va_end(arguments);
    fflush(virtio->qtest);
    if (!fgets(answer, sizeof(answer), virtio->qtest) ||
        !g_str_has_prefix(answer, "OK")) {
        g_error("virtio: qtest answers '%s'", answer);
    }
    return g_ascii_strtoull(answer + 2, NULL, 16);
}

static uint32_t read_register(Virtio *virtio, unsigned int offset)
{
    return ask(virtio, "readl 0x%" PRIx64 "\n", virtio->mmio + offset);
}

static void write_register(Virtio *virtio, unsigned int offset, uint32_t value)
{
    ask(virtio, "writel 0x%" PRIx64 " 0x%x\n", virtio->mmio + offset, value);
}

static void write_address(Virtio *virtio, unsigned int offset,
                          const void *address)
{
    write_register(virtio, offset, (const uint8_t *)address - virtio->memory);
    write_register(virtio, offset + 4, 0);
}

static void find_device(Virtio *virtio)
{
    for (unsigned int i = 0; i < MMIO_NR; i++) {
        virtio->mmio = MMIO_BASE + i * MMIO_STRIDE;
        if (read_register(virtio, VIRTIO_MMIO_DEVICE_ID) == VIRTIO_ID_NET) {
            return;
        }
    }
    g_error("virtio: there's no virtio-net");
}

static void negotiate(Virtio *virtio)
{
    const unsigned int seen = VIRTIO_CONFIG_S_ACKNOWLEDGE |
                              VIRTIO_CONFIG_S_DRIVER;

    write_register(virtio, VIRTIO_MMIO_STATUS, seen);
    for (unsigned int i = 0; i < 2; i++) {
        write_register(virtio, VIRTIO_MMIO_DRIVER_FEATURES_SEL, i);
        write_register(virtio, VIRTIO_MMIO_DRIVER_FEATURES,
                       FEATURES >> (32 * i));
    }
    write_register(virtio, VIRTIO_MMIO_STATUS,
                   seen | VIRTIO_CONFIG_S_FEATURES_OK);
    if (!(read_register(virtio, VIRTIO_MMIO_STATUS) &
          VIRTIO_CONFIG_S_FEATURES_OK)) {
        g_error("virtio: virtio-net lacks one of the features 0x%llx",
                FEATURES);
    }
}

static void set_up_queue(Virtio *virtio, unsigned int number)
{
    struct vring *vring = &virtio->queues[number].vring;

    vring_init(vring, RING_SIZE, virtio->memory + RINGS + number * RING_ROOM,
               PAGE);
    vring->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
    write_register(virtio, VIRTIO_MMIO_QUEUE_SEL, number);
    write_register(virtio, VIRTIO_MMIO_QUEUE_NUM, RING_SIZE);
    write_address(virtio, VIRTIO_MMIO_QUEUE_DESC_LOW, vring->desc);
    write_address(virtio, VIRTIO_MMIO_QUEUE_AVAIL_LOW, vring->avail);
    write_address(virtio, VIRTIO_MMIO_QUEUE_USED_LOW, vring->used);
    write_register(virtio, VIRTIO_MMIO_QUEUE_READY, 1);
}

static void set_up_device(Virtio *virtio)
{
    find_device(virtio);
    negotiate(virtio);
    set_up_queue(virtio, RX);
    set_up_queue(virtio, TX);
    write_register(virtio, VIRTIO_MMIO_STATUS,
                   read_register(virtio, VIRTIO_MMIO_STATUS) |
                   VIRTIO_CONFIG_S_DRIVER_OK);
}

/*
 * Virtqueues
 */

static uint8_t *get_buffer(Virtio *virtio, unsigned int i, size_t room)
{
    return virtio->memory + BUFFERS + i * room;
}

/* Make buffer @i available; the device sees it once it is published. */
static void offer(Virtio *virtio, Queue *queue, unsigned int nr_offered,
                  unsigned int i, size_t room, size_t len)
{
    struct vring *vring = &queue->vring;

    vring->desc[i] = (struct vring_desc) {
        .addr = BUFFERS + i * room,
        .len = len,
        .flags = queue == &virtio->queues[RX] ? VRING_DESC_F_WRITE : 0,
    };
    vring->avail->ring[(vring->avail->idx + nr_offered) % RING_SIZE] = i;
}

static void publish(Virtio *virtio, unsigned int number, unsigned int nr)
{
    struct vring *vring = &virtio->queues[number].vring;
    uint16_t old = vring->avail->idx;

    atomic_thread_fence(memory_order_release);
    vring->avail->idx = old + nr;
    atomic_thread_fence(memory_order_seq_cst);
    if (vring_need_event(vring_avail_event(vring), old + nr, old)) {
        write_register(virtio, VIRTIO_MMIO_QUEUE_NOTIFY, number);
    }
}

/* How many buffers the device has given back that weren't looked at. */
static unsigned int count_used(const Queue *queue)
{
    uint16_t idx = __atomic_load_n(&queue->vring.used->idx, __ATOMIC_ACQUIRE);

    return (uint16_t)(idx - queue->used);
}

/*
 * Steps
 */

static uint64_t send_step(void *opaque)
{
    Virtio *virtio = opaque;
    const Bench *bench = virtio->bench;
    Queue *queue = &virtio->queues[TX];
    unsigned int room, nr = 0;

    /* Buffers come back in order, as the tap takes frames at once. */
    queue->used += count_used(queue);
    room = RING_SIZE - (uint16_t)(queue->vring.avail->idx - queue->used);
    for (; nr < MIN(room, BENCH_BURST); nr++) {
        unsigned int i = (queue->vring.avail->idx + nr) % RING_SIZE;
        uint8_t *buffer = get_buffer(virtio, i, SEND_ROOM);

        memcpy(buffer, &bench->vnet, sizeof(bench->vnet));
        memcpy(buffer + sizeof(struct virtio_net_hdr_mrg_rxbuf), bench->frame,
               bench->len);
        offer(virtio, queue, nr, i, SEND_ROOM,
              sizeof(struct virtio_net_hdr_mrg_rxbuf) + bench->len);
    }
    if (!nr) {
        sched_yield();
        return 0;
    }
    publish(virtio, TX, nr);
    return nr;
}

/* The first buffer of a frame says how many it has. */
static void count_frame(Virtio *virtio, const uint8_t *buffer)
{
    if (!virtio->rest) {
        const struct virtio_net_hdr_mrg_rxbuf *header = (const void *)buffer;

        virtio->rest = header->num_buffers;
    }
    virtio->rest--;
    virtio->received += virtio->rest == 0;
}

static uint64_t receive_step(void *opaque)
{
    Virtio *virtio = opaque;
    Queue *queue = &virtio->queues[RX];
    uint64_t before = virtio->received;
    unsigned int sent = bench_feed_send(virtio->feed, virtio->received);
    unsigned int nr = count_used(queue);

    for (unsigned int n = 0; n < nr; n++) {
        unsigned int i = queue->vring.used->ring[queue->used++ %
                                                 RING_SIZE].id;

        count_frame(virtio, get_buffer(virtio, i, PAGE));
        offer(virtio, queue, n, i, PAGE, PAGE);
    }
    if (nr) {
        publish(virtio, RX, nr);
    } else if (!sent) {
        sched_yield();
    }
    return virtio->received - before;
}

/*
 * QEMU
 */

/* In the order of the descriptors that QEMU gets, from QEMU_FIRST_FD on */
enum { FD_TAP, FD_MEMORY, FD_BIOS, FD_QTEST, NR_FDS };

static int make_memory(const char *name, size_t size)
{
    int fd = memfd_create(name, 0);

    if (fd < 0 || ftruncate(fd, size) < 0) {
        g_error("virtio: no memory: %s", g_strerror(errno));
    }
    return fd;
}

static void spawn(Virtio *virtio, int qtest)
{
    g_autoptr(GSubprocessLauncher) launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
    int fds[NR_FDS] = {
        [FD_TAP] = tap_open(BENCH_TAP),
        [FD_MEMORY] = dup(virtio->fd),
        /* microvm wants a BIOS, which nobody runs. */
        [FD_BIOS] = make_memory("bios", 65536),
        [FD_QTEST] = qtest,
    };
    g_autoptr(GError) error = NULL;

    for (unsigned int i = 0; i < NR_FDS; i++) {
        g_subprocess_launcher_take_fd(launcher, fds[i], QEMU_FIRST_FD + i);
    }
    virtio->qemu = g_subprocess_launcher_spawn(
        launcher, &error, g_getenv("XEN_NIC_PG_QEMU"),
        "-machine", "microvm,accel=qtest,memory-backend=ram,x-option-roms=off",
        "-m", MEMORY_OPTION, "-object", "memory-backend-file,id=ram,size="
        MEMORY_OPTION ",share=on,mem-path=/proc/self/fd/11",
        "-bios", "/proc/self/fd/12",
        "-chardev", "socket,id=qtest,fd=13", "-qtest", "chardev:qtest",
        "-qtest-log", "none",
        "-nodefaults", "-no-user-config", "-display", "none",
        "-global", "virtio-mmio.force-legacy=false",
        "-netdev", "tap,id=net,fd=10",
        "-device", "virtio-net-device,netdev=net", NULL);
    if (!virtio->qemu) {
        g_error("%s", error->message);
    }
}

static void start(Virtio *virtio, const Bench *bench)
{
    int qtest[2];

    virtio->bench = bench;
    virtio->fd = make_memory("guest", MEMORY);
    virtio->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED,
                          virtio->fd, 0);
    if (virtio->memory == MAP_FAILED ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, qtest) < 0) {
        g_error("virtio: %s", g_strerror(errno));
    }
    virtio->qtest = fdopen(qtest[0], "r+");
    spawn(virtio, qtest[1]);
    set_up_device(virtio);
}

/* QEMU has nothing to lose; it is ended, and the tap with it. */
static void end(Virtio *virtio)
{
    g_subprocess_force_exit(virtio->qemu);
    g_subprocess_wait(virtio->qemu, NULL, NULL);
    g_clear_object(&virtio->qemu);
    fclose(virtio->qtest);
    munmap(virtio->memory, MEMORY);
    close(virtio->fd);
}

static BenchResult measure_rx(Virtio *virtio, pid_t qemu)
{
    BenchResult result;

    for (unsigned int i = 0; i < RING_SIZE; i++) {
        offer(virtio, &virtio->queues[RX], i, i, PAGE, PAGE);
    }
    publish(virtio, RX, RING_SIZE);
    virtio->feed = bench_feed_new(virtio->bench);
    result = bench_measure(receive_step, virtio, qemu);
    bench_feed_free(virtio->feed);
    return result;
}

BenchResult bench_virtio(const Bench *bench)
{
    Virtio virtio = { 0 };
    BenchResult result;
    pid_t qemu;

    start(&virtio, bench);
    qemu = atoi(g_subprocess_get_identifier(virtio.qemu));
    result = bench->rx ? measure_rx(&virtio, qemu)
                       : bench_measure(send_step, &virtio, qemu);
    end(&virtio);
    return result;
}
