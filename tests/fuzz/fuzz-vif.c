/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzer of the whole vif: the QEMU binary that ships, on a simulated Xen
 *
 * QEMU is started once.  An input is a program for guest and peer: a byte
 * says how the front connects, and then operations follow, each a byte with
 * its arguments, until one of them connects anew or the input is over.
 * Any input is a program; what is missing at its end is 0.
 *
 * model.c does what the program says, and checks the answers.  Behind each
 * session all must be answered, the counters must agree, and nothing may be
 * mapped once the front has disconnected.  A guest that has broken its rings
 * is only expected to get its disconnect.  Then a front that behaves must
 * connect, and its frames come through.
 *
 * QEMU is another process, whose code libFuzzer doesn't see.  In place of
 * coverage it gets the vif's own counters, which tell fallbacks, drops by
 * reason, and back pressure from each other: inputs that make one of them
 * grow as none did before are kept.
 *
 * Faults of xenstore aren't armed: what QEMU's own xenbus code makes of them
 * is not what is tested here.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../qtest/frames.h"
#include "fuzz.h"
#include "model.h"

#define MAX_OPERATIONS 500
#define MAX_SESSIONS 6

/* A vif has fewer counters than that. */
#define NR_COUNTERS 128

/* libFuzzer takes these for coverage, and clears them before each input. */
__attribute__((section("__libfuzzer_extra_counters"), used))
static uint8_t coverage[NR_COUNTERS];

static VifTest *test;

/* What the first byte of a session means */
enum {
    CONNECT_PERSISTENT = 1,
    CONNECT_WITHOUT_RX_NOTIFY = 2,
    CONNECT_FAULT = 4,      /* something fails while it connects */
    CONNECT_ABRUPT = 8,     /* and disconnects without waiting for answers */
    CONNECT_OFFLOADS = 16,  /* takes blank checksums and GSO */
    CONNECT_WITHOUT_SG = 32,        /* takes frames of one slot only */
};

/**
 * Program: what is left of the input
 */
typedef struct Program {
    const uint8_t *data;
    size_t size;
    unsigned int operations;
} Program;

static uint8_t take_byte(Program *program)
{
    if (!program->size) {
        return 0;
    }
    program->size--;
    return *program->data++;
}

static uint16_t take_word(Program *program)
{
    uint16_t low = take_byte(program);

    return low | take_byte(program) << 8;
}

static ModelPage take_page(Program *program)
{
    return take_byte(program) % MODEL_SPARE;
}

/*
 * Operations
 */

/* A request with arguments that are mostly good: offset and size below 4096 */
static void put_tx(Program *program, Model *model)
{
    ModelPage page = take_page(program);
    uint8_t flags = take_byte(program) & (NETTXF_csum_blank |
                                          NETTXF_data_validated |
                                          NETTXF_more_data |
                                          NETTXF_extra_info);
    uint16_t offset = take_word(program);

    model_put_tx(model, page, flags, offset, take_word(program));
}

/* So many frames in one slot each, all good but perhaps for the page */
static void put_tx_frames(Program *program, Model *model)
{
    ModelPage page = take_page(program);
    unsigned int step = take_byte(program) % 2;
    unsigned int nr = take_byte(program);

    for (unsigned int i = 0; i < nr; i++) {
        model_put_tx(model, (page + i * step) % MODEL_SPARE, 0, i, 60 + i);
    }
}

/* A frame in so many slots of so many bytes */
static void put_tx_slots(Program *program, Model *model)
{
    ModelPage page = take_page(program);
    unsigned int nr = take_byte(program) % 80 + 1;
    unsigned int size = take_word(program) % XENSIM_PAGE_SIZE;

    for (unsigned int i = 0; i < nr; i++) {
        model_put_tx(model, page, i + 1 < nr ? NETTXF_more_data : 0, 0,
                     i ? size : nr * size);
    }
}

static void put_extra(Program *program, Model *model)
{
    netif_extra_info_t extra = { .type = take_byte(program) };

    extra.flags = take_byte(program);
    extra.u.gso.type = take_byte(program);
    extra.u.gso.size = take_word(program);
    model_put_extra(model, &extra);
}

static void push_tx(Program *program, Model *model)
{
    model_push_tx(model, take_byte(program) % MODEL_NR_PUSHES);
}

static void put_rx(Program *program, Model *model)
{
    model_put_rx(model, take_page(program));
}

static void put_rx_many(Program *program, Model *model)
{
    ModelPage page = take_page(program);
    unsigned int step = take_byte(program) % 2;
    unsigned int nr = take_byte(program);

    for (unsigned int i = 0; i < nr; i++) {
        /* Never the ring */
        model_put_rx(model, (page + i * step) % MODEL_RING);
    }
}

static void push_rx(Program *program, Model *model)
{
    if (!model_is_lost(model)) {
        model_push_rx(model, take_byte(program) % MODEL_NR_PUSHES);
    }
}

static void peer_send(Program *program, Model *model)
{
    model_peer_send(model, take_word(program));
}

static void peer_read(Program *program, Model *model)
{
    (void)program;
    model_peer_read(model);
}

static void reap(Program *program, Model *model)
{
    (void)program;
    model_reap(model);
}

static void end_grant(Program *program, Model *model)
{
    model_end_grant(model, take_page(program));
}

/* Put a TCP or UDP frame into a page, to be sent with offloads. */
static void fill_page(Program *program, Model *model)
{
    uint8_t *page = model_data(model, take_page(program));
    uint8_t kind = take_byte(program);
    FrameKind frame = { kind & 1, kind & 2, kind & 4 };
    size_t len = take_word(program) % XENSIM_PAGE_SIZE;

    if (page) {
        frame_make(page, MAX(len, frame_payload(frame)), frame);
    }
}

/* Change a byte of a page, perhaps while it is in use. */
static void change_page(Program *program, Model *model)
{
    uint8_t *page = model_data(model, take_page(program));
    size_t at = take_word(program) % XENSIM_PAGE_SIZE;
    uint8_t byte = take_byte(program);

    if (page) {
        page[at] = byte;
    }
}

static void arm_fault(Program *program, Model *model)
{
    static const XensimOp ops[] = {
        XENSIM_OP_MAP, XENSIM_OP_MAP_MEMORY, XENSIM_OP_COPY,
        XENSIM_OP_COPY_CALL, XENSIM_OP_NOTIFY,
    };
    XensimOp op = ops[take_byte(program) % G_N_ELEMENTS(ops)];
    uint8_t skip = take_byte(program);

    model_arm(model, op, skip, take_byte(program));
}

static void break_tx(Program *program, Model *model)
{
    model_break_tx(model, take_word(program));
}

static void break_rx(Program *program, Model *model)
{
    model_break_rx(model, take_word(program));
}

/* Settle in the midst of a session. */
static void settle(Program *program, Model *model)
{
    (void)program;
    if (!model_is_lost(model)) {
        model_settle(model);
    }
}

typedef void Operation(Program *program, Model *model);

/* In an order that inputs in the corpus rely on; reconnecting is the last. */
static Operation *const operations[] = {
    put_tx, put_tx_frames, put_tx_slots, put_extra, push_tx, put_rx,
    put_rx_many, push_rx, peer_send, peer_read, reap, end_grant, fill_page,
    change_page, arm_fault, break_tx, break_rx, settle, NULL,
};

static void run_operations(Program *program, Model *model)
{
    while (program->size && program->operations < MAX_OPERATIONS) {
        Operation *operation = operations[take_byte(program) %
                                          G_N_ELEMENTS(operations)];

        if (!operation) {
            return;
        }
        program->operations++;
        operation(program, model);
    }
}

/*
 * Counters
 */

static JsonNode *read_counters(void)
{
    return qmp_execute(test->qmp, "{'execute': 'qom-get', 'arguments': "
                       "{'path': '/machine/peripheral/xen-vif-%d', "
                       "'property': 'stats'}}", VIF_TEST_HANDLE);
}

static JsonObject *get_first(JsonNode *counters, const char *name)
{
    return json_array_get_object_element(
        json_object_get_array_member(json_node_get_object(counters), name), 0);
}

/* Tell libFuzzer by how much each counter has grown.  Returns the next. */
static unsigned int cover(JsonObject *before, JsonObject *after,
                          unsigned int next)
{
    g_autoptr(GList) names = json_object_get_members(after);

    for (GList *name = names; name; name = name->next) {
        if (JSON_NODE_HOLDS_OBJECT(json_object_get_member(after,
                                                          name->data))) {
            next = cover(json_object_get_object_member(before, name->data),
                         json_object_get_object_member(after, name->data),
                         next);
        } else if (next < NR_COUNTERS && strcmp(name->data, "type") != 0) {
            int64_t grown = json_object_get_int_member(after, name->data) -
                            json_object_get_int_member(before, name->data);

            coverage[next++] = CLAMP(grown, 0, UINT8_MAX);
        }
    }
    return next;
}

static void cover_all(JsonNode *before, JsonNode *after)
{
    unsigned int next = cover(get_first(before, "queues"),
                              get_first(after, "queues"), 0);

    cover(get_first(before, "ports"), get_first(after, "ports"), next);
}

/*
 * Sessions
 */

static void disarm_faults(void)
{
    for (XensimOp op = 0; op < XENSIM_NR_OPS; op++) {
        xensim_fail(test->sim, op, 0, 0);
    }
}

/* The first operation of a kind fails: which, is the program's choice. */
static void arm_connect_fault(uint8_t choice)
{
    static const XensimOp ops[] = {
        XENSIM_OP_MAP, XENSIM_OP_MAP_MEMORY, XENSIM_OP_OPEN, XENSIM_OP_BIND,
    };

    xensim_fail(test->sim, ops[choice % G_N_ELEMENTS(ops)],
                choice / G_N_ELEMENTS(ops) % 4, 1);
}

/* Returns true if the backend has connected, false if it refuses. */
static bool wait_connected(void)
{
    gint64 end = g_get_monotonic_time() + XENSIM_PATIENCE * 1000ll;

    while (g_get_monotonic_time() < end) {
        enum xenbus_state state = vif_test_state(test);

        if (state == XenbusStateConnected || state == XenbusStateClosing) {
            return state == XenbusStateConnected;
        }
        g_usleep(100);
    }
    g_error("the backend neither connects nor refuses");
}

/* Returns false if the backend refuses, for a fault of ours. */
static bool connect_with_fault(const XensimFrontConfig *config, uint8_t choice)
{
    bool connected;

    vif_test_publish(test, config);
    arm_connect_fault(choice);
    xensim_front_set_state(test->front, XenbusStateConnected);
    connected = wait_connected();
    disarm_faults();
    return connected;
}

/* Returns false if the backend refuses, for a fault of ours. */
static bool connect_front(Program *program, uint8_t how)
{
    static const char *const without_notify[] = {
        "feature-rx-notify", "", NULL
    };
    XensimFrontConfig config = {
        .persistent = how & CONNECT_PERSISTENT,
        .csum6 = how & CONNECT_OFFLOADS,
        .gso4 = how & CONNECT_OFFLOADS,
        .gso6 = how & CONNECT_OFFLOADS,
        .no_sg = how & CONNECT_WITHOUT_SG,
        .keys = how & CONNECT_WITHOUT_RX_NOTIFY ? without_notify : NULL,
    };

    if (how & CONNECT_FAULT) {
        return connect_with_fault(&config, take_byte(program));
    }
    vif_test_connect(test, &config);
    return true;
}

static void disconnect_front(void)
{
    disarm_faults();
    vif_test_disconnect(test);
    g_assert_cmpuint(xensim_mapped(test->sim), ==, 0);
}

/* Send a frame from the guest, and read until the peer has it. */
static void empty_tx(const uint8_t *frame, size_t len)
{
    static uint8_t got[VIF_TEST_MAX_FRAME];
    size_t size;

    vif_test_send(test, frame, len, NULL, 0);
    do {
        size = vif_test_peer_receive(test, NULL, got, XENSIM_PATIENCE);
        if (!size) {
            g_error("the guest's frame doesn't come to the peer");
        }
    } while (size != len || memcmp(got, frame, len));
}

/* Send a frame to the guest, and read until it has it. */
static void empty_rx(const uint8_t *frame, size_t len)
{
    bool found = false;

    xensim_front_post_rx(test->front, 0, XENSIM_RX_SLOTS);
    vif_test_peer_send(test, NULL, frame, len);
    while (!found) {
        XensimRxFrame *rx = xensim_front_receive(test->front, 0,
                                                 XENSIM_PATIENCE);

        if (!rx) {
            g_error("the peer's frame doesn't come to the guest");
        }
        found = rx->len == len && !memcmp(rx->data, frame, len);
        xensim_rx_frame_free(rx);
        xensim_front_post_rx(test->front, 0, XENSIM_RX_SLOTS);
    }
}

/*
 * A guest that behaves: the vif works as if nothing had been, once the frames
 * that were under way are through.
 */
static void check_recovery(void)
{
    uint8_t frame[100];

    vif_test_connect(test, NULL);
    vif_test_fill(frame, sizeof(frame));
    empty_tx(frame, sizeof(frame));
    empty_rx(frame, sizeof(frame));
    vif_test_works(test);
    disconnect_front();
}

/* Are frames to the guest dropped, as they may be if it says so? */
static bool loses_frames(uint8_t how)
{
    return how & (CONNECT_WITHOUT_RX_NOTIFY | CONNECT_WITHOUT_SG);
}

/*
 * Returns true if nothing is under way behind it, false if the next session
 * may see frames of this one.
 */
static bool run_session(Program *program)
{
    uint8_t how = take_byte(program);
    g_autoptr(JsonNode) before = read_counters();
    g_autoptr(JsonNode) after = NULL;
    Model *model = NULL;
    bool settled = false;

    if (connect_front(program, how)) {
        model = model_new(test, loses_frames(how));
        run_operations(program, model);
        settled = !(how & CONNECT_ABRUPT) && !model_is_lost(model) &&
                  model_settle(model);
        if (settled) {
            after = read_counters();
            model_check_counters(model, get_first(before, "queues"),
                                 get_first(after, "queues"));
        }
    }
    disconnect_front();
    g_clear_pointer(&model, model_free);
    return settled && !loses_frames(how);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Program program = { .data = data, .size = size };
    g_autoptr(JsonNode) before = read_counters();
    g_autoptr(JsonNode) after = NULL;

    for (int i = 0; i < MAX_SESSIONS && program.size; i++) {
        if (!run_session(&program)) {
            check_recovery();
        }
    }
    check_recovery();
    after = read_counters();
    cover_all(before, after);
    return 0;
}

/*
 * Begin and end
 */

static void end_test(void)
{
    vif_test_free(test);
}

/*
 * g_error() raises SIGTRAP, of which libFuzzer takes no notice.  What QEMU has
 * said is shown, and then libFuzzer keeps the input.
 */
static void on_trap(int number)
{
    char text[4096];
    ssize_t len;
    int fd;

    (void)number;
    fd = test ? open(test->log, O_RDONLY | O_CLOEXEC) : -1;
    while (fd >= 0 && (len = read(fd, text, sizeof(text))) > 0 &&
           write(STDERR_FILENO, text, len) == len) {
        /* There's more. */
    }
    abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static char *arguments[] = {
        (char *)"fuzz-vif",
        (char *)"--seed=R02S00000000000000000000000000000000", NULL,
    };
    struct sigaction trap = { .sa_handler = on_trap };
    char **own = arguments;
    int nr = 2;

    (void)argc;
    (void)argv;
    g_test_init(&nr, &own, NULL);
    sigaction(SIGTRAP, &trap, NULL);
    test = vif_test_new(NULL);
    atexit(end_test);
    return 0;
}
