/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of the simulated hypervisor
 *
 * This process is both sides: the test as everywhere, and a backend that is
 * linked with libxengnttab and libxenevtchn and finds xensim's.  It shares
 * the guest's memory with itself by two mappings, as two processes would.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include "pin.h"
#include "store.h"
#include "xensim.h"

#define GUEST 7
#define OTHER 8                 /* there's no such domain */
#define PATIENCE 30000          /* ms */

typedef struct Fixture {
    Xensim *sim;
    xengnttab_handle *xgt;
    xenevtchn_handle *xce;
} Fixture;

static void set_up(Fixture *f, const void *data)
{
    g_auto(GStrv) envp = NULL;

    (void)data;
    f->sim = xensim_new(GUEST);
    envp = xensim_environ(f->sim, "", NULL);
    setenv(XENSIM_SOCKET, g_environ_getenv(envp, XENSIM_SOCKET), true);
    f->xgt = xengnttab_open(NULL, 0);
    g_assert_nonnull(f->xgt);
    f->xce = xenevtchn_open(NULL, 0);
    g_assert_nonnull(f->xce);
}

/* What the hypervisor does by itself, it does a bit later. */
static void wait_held(Fixture *f, const char *expected)
{
    g_autofree char *held = NULL;

    xensim_wait_held(f->sim, expected, PATIENCE);
    held = xensim_list_held(f->sim);
    g_assert_cmpstr(held, ==, expected);
}

static void tear_down(Fixture *f, const void *data)
{
    (void)data;
    xengnttab_close(f->xgt);
    xenevtchn_close(f->xce);
    g_assert_cmpuint(xensim_mapped(f->sim), ==, 0);
    wait_held(f, "");
    xensim_free(f->sim);
}

/*
 * Guest memory and grants
 */

/* Grants a new page, which begins with @text.  Returns the reference. */
static uint32_t grant_text(Fixture *f, bool readonly, const char *text,
                           char **page)
{
    uint32_t frame = xensim_alloc_page(f->sim);

    *page = xensim_page(f->sim, frame);
    strcpy(*page, text);
    return xensim_grant(f->sim, frame, readonly);
}

static uint32_t grant_page(Fixture *f, bool readonly)
{
    return xensim_grant(f->sim, xensim_alloc_page(f->sim), readonly);
}

static void *map(Fixture *f, uint32_t ref, int prot)
{
    return xengnttab_map_grant_ref(f->xgt, GUEST, ref, prot);
}

static void unmap(Fixture *f, void *addr, uint32_t count)
{
    g_assert_cmpint(xengnttab_unmap(f->xgt, addr, count), ==, 0);
}

static void expect_no_map(Fixture *f, uint32_t ref, int prot, int error)
{
    unsigned int mapped = xensim_mapped(f->sim);

    g_assert_null(map(f, ref, prot));
    g_assert_cmpint(errno, ==, error);
    g_assert_cmpuint(xensim_mapped(f->sim), ==, mapped);
}

static void expect_no_unmap(Fixture *f, void *addr, uint32_t count)
{
    g_assert_cmpint(xengnttab_unmap(f->xgt, addr, count), ==, -1);
    g_assert_cmpint(errno, ==, EINVAL);
}

/* Does it kill a process to write there? */
static bool is_write_fatal(volatile char *addr)
{
    pid_t child = fork();
    int status;

    g_assert_cmpint(child, >=, 0);
    if (!child) {
        prctl(PR_SET_DUMPABLE, 0);
        signal(SIGSEGV, SIG_DFL);
        *addr = 'x';
        _exit(0);
    }
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static void test_pages(Fixture *f, const void *data)
{
    static const char zeroes[XENSIM_PAGE_SIZE];
    uint32_t one = xensim_alloc_page(f->sim);
    uint32_t two = xensim_alloc_page(f->sim);

    (void)data;
    g_assert_cmpuint(xensim_domid(f->sim), ==, GUEST);
    g_assert_cmpuint(one, !=, two);
    strcpy(xensim_page(f->sim, one), "used");
    xensim_free_page(f->sim, one);
    /* It comes again when all others have been. */
    for (unsigned int i = 0; i < XENSIM_NR_FRAMES - 3; i++) {
        g_assert_cmpuint(xensim_alloc_page(f->sim), !=, one);
    }
    g_assert_cmpuint(xensim_alloc_page(f->sim), ==, one);
    g_assert_cmpmem(xensim_page(f->sim, one), XENSIM_PAGE_SIZE, zeroes,
                    sizeof(zeroes));
}

static void test_map(Fixture *f, const void *data)
{
    char *page, *addr;
    uint32_t ref = grant_text(f, false, "guest", &page);

    (void)data;
    g_assert_cmpuint(xensim_pins(f->sim, ref), ==, 0);
    addr = map(f, ref, PROT_READ | PROT_WRITE);
    g_assert_cmpstr(addr, ==, "guest");
    strcpy(addr, "backend");
    g_assert_cmpstr(page, ==, "backend");
    strcpy(page, "again");
    g_assert_cmpstr(addr, ==, "again");
    g_assert_false(is_write_fatal(addr));
    g_assert_cmpuint(xensim_pins(f->sim, ref), ==, 1);
    g_assert_cmpuint(xensim_mapped(f->sim), ==, 1);
    unmap(f, addr, 1);
    g_assert_cmpuint(xensim_pins(f->sim, ref), ==, 0);
    g_assert_cmpuint(xensim_count(f->sim, XENSIM_OP_MAP), ==, 1);
    g_assert_cmpuint(xensim_count(f->sim, XENSIM_OP_UNMAP), ==, 1);
    g_assert_true(xensim_end_grant(f->sim, ref));
}

static void test_map_readonly(Fixture *f, const void *data)
{
    char *page, *addr;
    uint32_t ref = grant_text(f, false, "guest", &page);

    (void)data;
    addr = map(f, ref, PROT_READ);
    g_assert_cmpstr(addr, ==, "guest");
    g_assert_true(is_write_fatal(addr));
    unmap(f, addr, 1);
}

static void test_readonly_grant(Fixture *f, const void *data)
{
    uint32_t ref = grant_page(f, true);
    void *addr;

    (void)data;
    expect_no_map(f, ref, PROT_READ | PROT_WRITE, EINVAL);
    expect_no_map(f, ref, PROT_WRITE, EINVAL);
    addr = map(f, ref, PROT_READ);
    g_assert_nonnull(addr);
    unmap(f, addr, 1);
}

static void test_wrong_domain(Fixture *f, const void *data)
{
    uint32_t ref = grant_page(f, false);

    (void)data;
    g_assert_null(xengnttab_map_grant_ref(f->xgt, OTHER, ref, PROT_READ));
    g_assert_cmpint(errno, ==, EINVAL);
    g_assert_null(xengnttab_map_grant_ref(f->xgt, 0, ref, PROT_READ));
    g_assert_cmpuint(xensim_mapped(f->sim), ==, 0);
}

static void test_bad_ref(Fixture *f, const void *data)
{
    uint32_t ended = grant_page(f, false);
    uint32_t others = grant_page(f, false);
    uint32_t outside = xensim_grant(f->sim, XENSIM_NR_FRAMES, false);

    (void)data;
    g_assert_true(xensim_end_grant(f->sim, ended));
    xensim_shared(f->sim)->grants[others].domid = OTHER;
    expect_no_map(f, 0, PROT_READ, EINVAL);
    expect_no_map(f, XENSIM_NR_GRANTS, PROT_READ, EINVAL);
    expect_no_map(f, UINT32_MAX, PROT_READ, EINVAL);
    expect_no_map(f, ended, PROT_READ, EINVAL);
    expect_no_map(f, others, PROT_READ, EINVAL);
    expect_no_map(f, outside, PROT_READ, EINVAL);
    /* What was refused isn't in use. */
    g_assert_true(xensim_end_grant(f->sim, others));
    g_assert_true(xensim_end_grant(f->sim, outside));
}

static void test_end_mapped(Fixture *f, const void *data)
{
    uint32_t ref = grant_page(f, false);
    void *writer = map(f, ref, PROT_READ | PROT_WRITE);
    void *reader = map(f, ref, PROT_READ);

    (void)data;
    g_assert_cmpuint(xensim_pins(f->sim, ref), ==, 2);
    g_assert_false(xensim_end_grant(f->sim, ref));
    unmap(f, writer, 1);
    g_assert_false(xensim_end_grant(f->sim, ref));
    unmap(f, reader, 1);
    g_assert_true(xensim_end_grant(f->sim, ref));
    expect_no_map(f, ref, PROT_READ, EINVAL);
}

/* As a copy does for a moment */
static void test_end_pinned(Fixture *f, const void *data)
{
    XensimShared *shared = xensim_shared(f->sim);
    uint32_t page = xensim_alloc_page(f->sim);
    uint32_t ref = xensim_grant(f->sim, page, false);
    uint32_t frame;

    (void)data;
    g_assert_cmpint(xensim_pin(shared, 0, GUEST, ref, false, &frame), ==,
                    GNTST_okay);
    g_assert_cmpuint(frame, ==, page);
    g_assert_false(xensim_end_grant(f->sim, ref));
    xensim_unpin(shared, 0, ref, false);
    g_assert_true(xensim_end_grant(f->sim, ref));
}

/* Whoever changes an entry that is in use doesn't change what is mapped. */
static void test_frame_is_kept(Fixture *f, const void *data)
{
    char *page, *first, *second;
    uint32_t ref = grant_text(f, false, "old", &page);
    uint32_t frame = xensim_alloc_page(f->sim);

    (void)data;
    first = map(f, ref, PROT_READ);
    xensim_shared(f->sim)->grants[ref].frame = frame;
    second = map(f, ref, PROT_READ);
    g_assert_cmpstr(second, ==, "old");
    unmap(f, first, 1);
    unmap(f, second, 1);
    first = map(f, ref, PROT_READ);
    g_assert_cmpstr(first, ==, "");
    unmap(f, first, 1);
}

static void test_map_many(Fixture *f, const void *data)
{
    uint32_t domids[] = { GUEST, GUEST, GUEST };
    uint32_t refs[3];
    char *page, *addr;

    (void)data;
    refs[0] = grant_text(f, false, "a", &page);
    refs[1] = grant_text(f, false, "b", &page);
    refs[2] = grant_text(f, false, "c", &page);
    addr = xengnttab_map_domain_grant_refs(f->xgt, 3, GUEST, refs, PROT_READ);
    g_assert_cmpstr(addr, ==, "a");
    g_assert_cmpstr(addr + XENSIM_PAGE_SIZE, ==, "b");
    g_assert_cmpstr(addr + 2 * XENSIM_PAGE_SIZE, ==, "c");
    unmap(f, addr, 3);
    addr = xengnttab_map_grant_refs(f->xgt, 3, domids, refs, PROT_READ);
    g_assert_cmpstr(addr + 2 * XENSIM_PAGE_SIZE, ==, "c");
    unmap(f, addr, 3);
    domids[2] = OTHER;
    g_assert_null(xengnttab_map_grant_refs(f->xgt, 3, domids, refs,
                                           PROT_READ));
    g_assert_null(xengnttab_map_grant_refs(f->xgt, 0, domids, refs,
                                           PROT_READ));
    g_assert_cmpint(errno, ==, EINVAL);
}

static void test_all_or_nothing(Fixture *f, const void *data)
{
    uint32_t refs[] = { grant_page(f, false), 0, grant_page(f, false) };

    (void)data;
    g_assert_null(xengnttab_map_domain_grant_refs(f->xgt, 3, GUEST, refs,
                                                  PROT_READ));
    g_assert_cmpint(errno, ==, EINVAL);
    g_assert_cmpuint(xensim_mapped(f->sim), ==, 0);
    g_assert_true(xensim_end_grant(f->sim, refs[0]));
    g_assert_true(xensim_end_grant(f->sim, refs[2]));
}

static void test_unmap_matches(Fixture *f, const void *data)
{
    uint32_t refs[] = { grant_page(f, false), grant_page(f, false) };
    char *addr = xengnttab_map_domain_grant_refs(f->xgt, 2, GUEST, refs,
                                                 PROT_READ);
    xengnttab_handle *other = xengnttab_open(NULL, 0);

    (void)data;
    expect_no_unmap(f, addr, 1);
    expect_no_unmap(f, addr, 3);
    expect_no_unmap(f, addr + XENSIM_PAGE_SIZE, 1);
    g_assert_cmpint(xengnttab_unmap(other, addr, 2), ==, -1);
    g_assert_cmpuint(xensim_mapped(f->sim), ==, 2);
    unmap(f, addr, 2);
    expect_no_unmap(f, addr, 2);
    xengnttab_close(other);
}

static void test_map_notify(Fixture *f, const void *data)
{
    uint32_t ref = grant_page(f, false);
    void *addr = xengnttab_map_grant_ref_notify(f->xgt, GUEST, ref, PROT_READ,
                                                -1, -1);

    (void)data;
    g_assert_nonnull(addr);
    unmap(f, addr, 1);
    g_assert_null(xengnttab_map_grant_ref_notify(f->xgt, GUEST, ref, PROT_READ,
                                                 0, -1));
    g_assert_cmpint(errno, ==, ENOSYS);
}

static void test_max_grants(Fixture *f, const void *data)
{
    uint32_t refs[] = { grant_page(f, false), grant_page(f, false) };
    void *addr, *other;

    (void)data;
    g_assert_cmpint(xengnttab_set_max_grants(f->xgt, 2), ==, 0);
    addr = xengnttab_map_domain_grant_refs(f->xgt, 2, GUEST, refs, PROT_READ);
    g_assert_nonnull(addr);
    expect_no_map(f, refs[0], PROT_READ, ENOMEM);
    unmap(f, addr, 2);
    addr = map(f, refs[0], PROT_READ);
    other = map(f, refs[0], PROT_READ);
    expect_no_map(f, refs[0], PROT_READ, ENOMEM);
    unmap(f, addr, 1);
    unmap(f, other, 1);
}

/*
 * Copies
 */

typedef xengnttab_grant_copy_segment_t Segment;

static Segment copy_from(uint32_t ref, uint16_t offset, void *to, uint16_t len)
{
    Segment segment = {
        .source.foreign = { .ref = ref, .offset = offset, .domid = GUEST },
        .dest.virt = to,
        .len = len,
        .flags = GNTCOPY_source_gref,
        .status = -100,
    };

    return segment;
}

static Segment copy_to(uint32_t ref, uint16_t offset, void *from, uint16_t len)
{
    Segment segment = {
        .source.virt = from,
        .dest.foreign = { .ref = ref, .offset = offset, .domid = GUEST },
        .len = len,
        .flags = GNTCOPY_dest_gref,
        .status = -100,
    };

    return segment;
}

/* Makes one copy, and returns its status. */
static int copy(Fixture *f, Segment segment)
{
    g_assert_cmpint(xengnttab_grant_copy(f->xgt, 1, &segment), ==, 0);
    g_assert_cmpuint(xensim_mapped(f->sim), ==, 0);
    return segment.status;
}

static void test_copy(Fixture *f, const void *data)
{
    char *page, *other_page, buffer[16] = "";
    uint32_t ref = grant_text(f, false, "0123456789", &page);
    uint32_t other = grant_text(f, false, "", &other_page);
    Segment between = {
        .source.foreign = { .ref = ref, .offset = 2, .domid = GUEST },
        .dest.foreign = { .ref = other, .offset = 1, .domid = GUEST },
        .len = 3,
        .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref,
    };

    (void)data;
    g_assert_cmpint(copy(f, copy_from(ref, 4, buffer, 3)), ==, GNTST_okay);
    g_assert_cmpstr(buffer, ==, "456");
    g_assert_cmpint(copy(f, copy_to(ref, 6, buffer, 2)), ==, GNTST_okay);
    g_assert_cmpstr(page, ==, "0123454589");
    g_assert_cmpint(copy(f, between), ==, GNTST_okay);
    g_assert_cmpstr(other_page + 1, ==, "234");
    g_assert_cmpint(xengnttab_grant_copy(f->xgt, 0, NULL), ==, 0);
    g_assert_true(xensim_end_grant(f->sim, ref));
    g_assert_true(xensim_end_grant(f->sim, other));
}

static void expect_no_copy(Fixture *f, Segment segment)
{
    g_assert_cmpint(xengnttab_grant_copy(f->xgt, 1, &segment), ==, -1);
    g_assert_cmpint(errno, ==, EINVAL);
}

static void test_copy_bounds(Fixture *f, const void *data)
{
    g_autofree char *buffer = g_malloc0(XENSIM_PAGE_SIZE + 1);
    uint32_t ref = grant_page(f, false);
    Segment local = copy_from(ref, 0, buffer, 1);

    (void)data;
    g_assert_cmpint(copy(f, copy_from(ref, 0, buffer, XENSIM_PAGE_SIZE)), ==,
                    GNTST_okay);
    g_assert_cmpint(copy(f, copy_to(ref, XENSIM_PAGE_SIZE - 1, buffer, 1)), ==,
                    GNTST_okay);
    g_assert_cmpint(copy(f, copy_to(ref, XENSIM_PAGE_SIZE, buffer, 0)), ==,
                    GNTST_okay);
    expect_no_copy(f, copy_from(ref, 0, buffer, XENSIM_PAGE_SIZE + 1));
    expect_no_copy(f, copy_from(ref, 1, buffer, XENSIM_PAGE_SIZE));
    expect_no_copy(f, copy_to(ref, XENSIM_PAGE_SIZE - 1, buffer, 2));
    expect_no_copy(f, copy_to(ref, UINT16_MAX, buffer, UINT16_MAX));
    local.flags = 0;
    expect_no_copy(f, local);
}

static void test_copy_status(Fixture *f, const void *data)
{
    char *page, buffer[16] = "";
    uint32_t ref = grant_text(f, true, "guest", &page);
    Segment segments[] = {
        copy_from(ref, 0, buffer, 1),
        copy_from(XENSIM_NR_GRANTS, 0, buffer + 1, 1),
        copy_from(0, 0, buffer + 2, 1),
        copy_to(ref, 0, buffer, 1),
        copy_from(ref, 0, buffer + 3, 1),
        copy_from(ref, 1, buffer + 4, 1),
    };

    (void)data;
    segments[4].source.foreign.domid = OTHER;
    g_assert_cmpint(xengnttab_grant_copy(f->xgt, G_N_ELEMENTS(segments),
                                         segments), ==, 0);
    g_assert_cmpint(segments[0].status, ==, GNTST_okay);
    g_assert_cmpint(segments[1].status, ==, GNTST_bad_gntref);
    g_assert_cmpint(segments[2].status, ==, GNTST_general_error);
    g_assert_cmpint(segments[3].status, ==, GNTST_general_error);
    g_assert_cmpint(segments[4].status, ==, GNTST_bad_domain);
    g_assert_cmpint(segments[5].status, ==, GNTST_okay);
    g_assert_cmpmem(buffer, 5, "g\0\0\0u", 5);
    g_assert_cmpstr(page, ==, "guest");
    g_assert_cmpuint(xensim_count(f->sim, XENSIM_OP_COPY), ==, 6);
    g_assert_cmpuint(xensim_count(f->sim, XENSIM_OP_COPY_CALL), ==, 1);
    g_assert_cmpuint(xensim_mapped(f->sim), ==, 0);
}

/*
 * Event channels
 */

static bool has_event(Fixture *f)
{
    struct pollfd fd = { .fd = xenevtchn_fd(f->xce), .events = POLLIN };

    return poll(&fd, 1, 0) == 1;
}

static int bind_channel(Fixture *f, uint32_t remote)
{
    int port = xenevtchn_bind_interdomain(f->xce, GUEST, remote);

    g_assert_cmpint(port, >, 0);
    return port;
}

static void expect_event(Fixture *f, int port)
{
    g_assert_true(has_event(f));
    g_assert_cmpint(xenevtchn_pending(f->xce), ==, port);
}

static void unmask(Fixture *f, int port)
{
    g_assert_cmpint(xenevtchn_unmask(f->xce, port), ==, 0);
}

static void expect_no_bind(Fixture *f, uint32_t domid, uint32_t remote,
                           int error)
{
    g_assert_cmpint(xenevtchn_bind_interdomain(f->xce, domid, remote), ==, -1);
    g_assert_cmpint(errno, ==, error);
}

static void test_bind(Fixture *f, const void *data)
{
    uint32_t remote = xensim_alloc_channel(f->sim);
    int port;

    (void)data;
    g_assert_false(has_event(f));
    port = bind_channel(f, remote);
    expect_event(f, port);
    g_assert_false(has_event(f));
    expect_no_bind(f, GUEST, remote, EINVAL);
    expect_no_bind(f, GUEST, remote + 1, EINVAL);
    expect_no_bind(f, GUEST, 0, EINVAL);
    expect_no_bind(f, GUEST, UINT32_MAX, EINVAL);
    expect_no_bind(f, OTHER, remote, ESRCH);
    g_assert_cmpint(xenevtchn_bind_unbound_port(f->xce, GUEST), ==, -1);
    g_assert_cmpint(errno, ==, ENOSYS);
    g_assert_cmpint(xenevtchn_bind_virq(f->xce, 0), ==, -1);
    g_assert_cmpint(errno, ==, ENOSYS);
}

static void test_mask(Fixture *f, const void *data)
{
    uint32_t remote = xensim_alloc_channel(f->sim);
    int port = bind_channel(f, remote);

    (void)data;
    expect_event(f, port);
    xensim_notify(f->sim, remote);
    g_assert_false(has_event(f));
    unmask(f, port);
    expect_event(f, port);
    g_assert_false(has_event(f));
    unmask(f, port);
    g_assert_false(has_event(f));
    xensim_notify(f->sim, remote);
    expect_event(f, port);
}

static void test_events_merge(Fixture *f, const void *data)
{
    uint32_t remote = xensim_alloc_channel(f->sim);
    int port = bind_channel(f, remote);

    (void)data;
    expect_event(f, port);
    for (unsigned int i = 0; i < 3; i++) {
        xensim_notify(f->sim, remote);
    }
    unmask(f, port);
    expect_event(f, port);
    unmask(f, port);
    g_assert_false(has_event(f));
}

static void test_two_channels(Fixture *f, const void *data)
{
    uint32_t remotes[] = {
        xensim_alloc_channel(f->sim), xensim_alloc_channel(f->sim)
    };
    int one = bind_channel(f, remotes[0]);
    int two = bind_channel(f, remotes[1]);
    int first;

    (void)data;
    g_assert_cmpint(one, !=, two);
    first = xenevtchn_pending(f->xce);
    g_assert_true(first == one || first == two);
    expect_event(f, one + two - first);
    unmask(f, one);
    unmask(f, two);
    xensim_notify(f->sim, remotes[1]);
    expect_event(f, two);
    g_assert_false(has_event(f));
}

static void *notify_guest_port(void *opaque)
{
    xensim_notify(opaque, 1);
    return NULL;
}

static void test_pending_waits(Fixture *f, const void *data)
{
    uint32_t remote = xensim_alloc_channel(f->sim);
    int port = bind_channel(f, remote);
    GThread *thread;

    (void)data;
    g_assert_cmpuint(remote, ==, 1);
    expect_event(f, port);
    unmask(f, port);
    thread = g_thread_new("notify", notify_guest_port, f->sim);
    g_assert_cmpint(xenevtchn_pending(f->xce), ==, port);
    g_thread_join(thread);
}

static void test_notify(Fixture *f, const void *data)
{
    uint32_t remote = xensim_alloc_channel(f->sim);
    int port = bind_channel(f, remote);
    struct pollfd fd = {
        .fd = xensim_channel_fd(f->sim, remote),
        .events = POLLIN,
    };

    (void)data;
    g_assert_false(xensim_wait_event(f->sim, remote, 0));
    g_assert_cmpint(xenevtchn_notify(f->xce, port), ==, 0);
    g_assert_cmpint(xenevtchn_notify(f->xce, port), ==, 0);
    g_assert_cmpint(poll(&fd, 1, 0), ==, 1);
    g_assert_true(xensim_wait_event(f->sim, remote, PATIENCE));
    g_assert_false(xensim_wait_event(f->sim, remote, 0));
    g_assert_cmpuint(xensim_events(f->sim, remote), ==, 2);
    g_assert_cmpint(xenevtchn_notify(f->xce, port + 1), ==, -1);
    g_assert_cmpint(errno, ==, EINVAL);
}

static void test_unbind(Fixture *f, const void *data)
{
    uint32_t remote = xensim_alloc_channel(f->sim);
    int port = bind_channel(f, remote);

    (void)data;
    g_assert_cmpint(xenevtchn_unbind(f->xce, port), ==, 0);
    /* It had fired; whom it was for is gone. */
    g_assert_true(has_event(f));
    g_assert_cmpint(xenevtchn_pending(f->xce), ==, -1);
    g_assert_cmpint(errno, ==, EAGAIN);
    xensim_notify(f->sim, remote);
    g_assert_false(has_event(f));
    g_assert_cmpint(xenevtchn_unbind(f->xce, port), ==, -1);
    g_assert_cmpint(errno, ==, EINVAL);
    g_assert_cmpint(xenevtchn_notify(f->xce, port), ==, -1);
    g_assert_cmpint(xenevtchn_unmask(f->xce, port), ==, -1);
    /* The guest's end waits for a peer again. */
    expect_event(f, bind_channel(f, remote));
}

static void test_guest_closes(Fixture *f, const void *data)
{
    uint32_t remote = xensim_alloc_channel(f->sim);
    int port = bind_channel(f, remote);

    (void)data;
    expect_event(f, port);
    unmask(f, port);
    xensim_close_channel(f->sim, remote);
    g_assert_cmpint(xenevtchn_notify(f->xce, port), ==, 0);
    xensim_notify(f->sim, remote);
    g_assert_false(has_event(f));
    wait_held(f, "1 channels bound, 2 handles open");
    /* The port isn't free until the backend has unbound it. */
    g_assert_cmpuint(xensim_alloc_channel(f->sim), !=, remote);
    g_assert_cmpint(xenevtchn_unbind(f->xce, port), ==, 0);
    expect_no_bind(f, GUEST, remote, EINVAL);
    g_assert_cmpuint(xensim_alloc_channel(f->sim), ==, remote);
}

/*
 * Faults
 */

static void test_fail_map(Fixture *f, const void *data)
{
    uint32_t refs[] = { grant_page(f, false), grant_page(f, false) };
    void *addr;

    (void)data;
    xensim_fail(f->sim, XENSIM_OP_MAP, 1, 2);
    addr = map(f, refs[0], PROT_READ);
    g_assert_nonnull(addr);
    unmap(f, addr, 1);
    expect_no_map(f, refs[0], PROT_READ, EINVAL);
    expect_no_map(f, refs[0], PROT_READ, EINVAL);
    /* Of a call, the second page fails. */
    xensim_fail(f->sim, XENSIM_OP_MAP, 1, 1);
    g_assert_null(xengnttab_map_domain_grant_refs(f->xgt, 2, GUEST, refs,
                                                  PROT_READ));
    g_assert_cmpuint(xensim_mapped(f->sim), ==, 0);
    xensim_fail(f->sim, XENSIM_OP_MAP, 0, 1);
    xensim_fail(f->sim, XENSIM_OP_MAP, 0, 0);
    addr = map(f, refs[0], PROT_READ);
    g_assert_nonnull(addr);
    unmap(f, addr, 1);
}

static void test_fail_memory(Fixture *f, const void *data)
{
    uint32_t ref = grant_page(f, false);
    void *addr;

    (void)data;
    xensim_fail(f->sim, XENSIM_OP_MAP_MEMORY, 0, 1);
    expect_no_map(f, ref, PROT_READ, ENOMEM);
    addr = map(f, ref, PROT_READ);
    g_assert_nonnull(addr);
    /* Unmap can't be made fail. */
    xensim_fail(f->sim, XENSIM_OP_UNMAP, 0, 1);
    unmap(f, addr, 1);
}

static void test_fail_copy(Fixture *f, const void *data)
{
    char *page, buffer[4] = "";
    uint32_t ref = grant_text(f, false, "abc", &page);
    Segment segments[] = {
        copy_from(ref, 0, buffer, 1),
        copy_from(ref, 1, buffer + 1, 1),
        copy_from(ref, 2, buffer + 2, 1),
    };

    (void)data;
    xensim_fail(f->sim, XENSIM_OP_COPY, 1, 1);
    g_assert_cmpint(xengnttab_grant_copy(f->xgt, 3, segments), ==, 0);
    g_assert_cmpint(segments[0].status, ==, GNTST_okay);
    g_assert_cmpint(segments[1].status, ==, GNTST_general_error);
    g_assert_cmpint(segments[2].status, ==, GNTST_okay);
    g_assert_cmpmem(buffer, 3, "a\0c", 3);
    xensim_fail(f->sim, XENSIM_OP_COPY_CALL, 0, 1);
    g_assert_cmpint(xengnttab_grant_copy(f->xgt, 3, segments), ==, -1);
    g_assert_cmpint(errno, ==, EIO);
    g_assert_cmpint(copy(f, segments[1]), ==, GNTST_okay);
    g_assert_cmpstr(buffer, ==, "abc");
}

static void test_fail_event(Fixture *f, const void *data)
{
    uint32_t remote = xensim_alloc_channel(f->sim);
    int port;

    (void)data;
    xensim_fail(f->sim, XENSIM_OP_BIND, 0, 1);
    expect_no_bind(f, GUEST, remote, ENOMEM);
    port = bind_channel(f, remote);
    xensim_fail(f->sim, XENSIM_OP_NOTIFY, 1, 1);
    g_assert_cmpint(xenevtchn_notify(f->xce, port), ==, 0);
    g_assert_cmpint(xenevtchn_notify(f->xce, port), ==, -1);
    g_assert_cmpint(errno, ==, EIO);
    g_assert_cmpint(xenevtchn_notify(f->xce, port), ==, 0);
    g_assert_cmpuint(xensim_events(f->sim, remote), ==, 2);
    g_assert_cmpuint(xensim_count(f->sim, XENSIM_OP_NOTIFY), ==, 3);
}

static void test_fail_open(Fixture *f, const void *data)
{
    (void)data;
    xensim_fail(f->sim, XENSIM_OP_OPEN, 0, 2);
    g_assert_null(xengnttab_open(NULL, 0));
    g_assert_cmpint(errno, ==, ENOMEM);
    g_assert_null(xenevtchn_open(NULL, 0));
    g_assert_cmpint(errno, ==, ENOMEM);
    wait_held(f, "2 handles open");
}

/*
 * Ends
 */

static void test_many_handles(Fixture *f, const void *data)
{
    xenevtchn_handle *handles[XENSIM_NR_HANDLES - 2];

    (void)data;
    for (unsigned int i = 0; i < G_N_ELEMENTS(handles); i++) {
        handles[i] = xenevtchn_open(NULL, 0);
        g_assert_nonnull(handles[i]);
    }
    g_assert_null(xenevtchn_open(NULL, 0));
    for (unsigned int i = 0; i < G_N_ELEMENTS(handles); i++) {
        xenevtchn_close(handles[i]);
    }
    wait_held(f, "2 handles open");
}

static void test_close(Fixture *f, const void *data)
{
    uint32_t remote = xensim_alloc_channel(f->sim);
    uint32_t ref = grant_page(f, false);

    (void)data;
    bind_channel(f, remote);
    g_assert_nonnull(map(f, ref, PROT_READ));
    g_assert_nonnull(map(f, ref, PROT_READ | PROT_WRITE));
    wait_held(f, "2 grants in use, 1 channels bound, 2 handles open");
    xengnttab_close(f->xgt);
    xenevtchn_close(f->xce);
    wait_held(f, "");
    g_assert_cmpuint(xensim_left_mapped(f->sim), ==, 2);
    g_assert_true(xensim_end_grant(f->sim, ref));
    f->xgt = xengnttab_open(NULL, 0);
    f->xce = xenevtchn_open(NULL, 0);
    expect_event(f, bind_channel(f, remote));
}

/* What a backend does that then is killed; never returns */
static void hold_and_die(uint32_t ref, uint32_t remote)
{
    Fixture f = {
        .xgt = xengnttab_open(NULL, 0),
        .xce = xenevtchn_open(NULL, 0),
    };

    if (!map(&f, ref, PROT_READ) || !map(&f, ref, PROT_READ | PROT_WRITE) ||
        xenevtchn_bind_interdomain(f.xce, GUEST, remote) < 0) {
        _exit(1);
    }
    raise(SIGKILL);
}

static void test_backend_dies(Fixture *f, const void *data)
{
    uint32_t remote = xensim_alloc_channel(f->sim);
    uint32_t ref = grant_page(f, false);
    void *addr = map(f, ref, PROT_READ);
    pid_t child = fork();
    int status;

    (void)data;
    if (!child) {
        hold_and_die(ref, remote);
    }
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    wait_held(f, "1 grants in use, 2 handles open");
    g_assert_false(xensim_end_grant(f->sim, ref));
    unmap(f, addr, 1);
    g_assert_true(xensim_end_grant(f->sim, ref));
    expect_event(f, bind_channel(f, remote));
}

static void test_kill_guest(Fixture *f, const void *data)
{
    uint32_t remotes[] = {
        xensim_alloc_channel(f->sim), xensim_alloc_channel(f->sim)
    };
    char *page, *addr;
    uint32_t ref = grant_text(f, false, "guest", &page);
    int port = bind_channel(f, remotes[0]);

    (void)data;
    addr = map(f, ref, PROT_READ);
    expect_event(f, port);
    unmask(f, port);
    xensim_kill_guest(f->sim);
    g_assert_cmpstr(addr, ==, "guest");
    expect_no_map(f, ref, PROT_READ, EINVAL);
    unmap(f, addr, 1);
    g_assert_cmpint(copy(f, copy_from(ref, 0, &(char) { 0 }, 1)), ==,
                    GNTST_bad_domain);
    expect_no_bind(f, GUEST, remotes[1], ESRCH);
    xensim_notify(f->sim, remotes[0]);
    g_assert_false(has_event(f));
    g_assert_cmpint(xenevtchn_notify(f->xce, port), ==, 0);
    g_assert_cmpint(xenevtchn_unbind(f->xce, port), ==, 0);
}

/*
 * Threads
 */

#define NR_ROUNDS 300

typedef struct Worker {
    Fixture *f;
    uint32_t ref;
} Worker;

/* A grant is either refused, or can be used as long as it is mapped. */
static void *use_grant(void *opaque)
{
    Worker *worker = opaque;

    for (unsigned int i = 0; i < NR_ROUNDS; i++) {
        char byte;
        void *addr = map(worker->f, worker->ref, PROT_READ);
        Segment segment = copy_from(worker->ref, 0, &byte, 1);

        if (addr) {
            g_assert_cmpstr(addr, ==, "guest");
            unmap(worker->f, addr, 1);
        }
        g_assert_cmpint(xengnttab_grant_copy(worker->f->xgt, 1, &segment), ==,
                        0);
        g_assert_true(segment.status != GNTST_okay || byte == 'g');
    }
    return NULL;
}

static void test_threads(Fixture *f, const void *data)
{
    char *page;
    Worker worker = { .f = f, .ref = grant_text(f, false, "guest", &page) };
    GThread *threads[3];

    (void)data;
    for (unsigned int i = 0; i < G_N_ELEMENTS(threads); i++) {
        threads[i] = g_thread_new("backend", use_grant, &worker);
    }
    while (!xensim_end_grant(f->sim, worker.ref)) {
        g_thread_yield();
    }
    for (unsigned int i = 0; i < G_N_ELEMENTS(threads); i++) {
        g_thread_join(threads[i]);
    }
    g_assert_cmpuint(xensim_mapped(f->sim), ==, 0);
    expect_no_map(f, worker.ref, PROT_READ, EINVAL);
}

#define TEST(name, function) \
    g_test_add("/xensim/hypervisor/" name, Fixture, NULL, set_up, function, \
               tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("pages", test_pages);
    TEST("map", test_map);
    TEST("map-readonly", test_map_readonly);
    TEST("readonly-grant", test_readonly_grant);
    TEST("wrong-domain", test_wrong_domain);
    TEST("bad-ref", test_bad_ref);
    TEST("end-mapped", test_end_mapped);
    TEST("end-pinned", test_end_pinned);
    TEST("frame-is-kept", test_frame_is_kept);
    TEST("map-many", test_map_many);
    TEST("all-or-nothing", test_all_or_nothing);
    TEST("unmap-matches", test_unmap_matches);
    TEST("map-notify", test_map_notify);
    TEST("max-grants", test_max_grants);
    TEST("copy", test_copy);
    TEST("copy-bounds", test_copy_bounds);
    TEST("copy-status", test_copy_status);
    TEST("bind", test_bind);
    TEST("mask", test_mask);
    TEST("events-merge", test_events_merge);
    TEST("two-channels", test_two_channels);
    TEST("pending-waits", test_pending_waits);
    TEST("notify", test_notify);
    TEST("unbind", test_unbind);
    TEST("guest-closes", test_guest_closes);
    TEST("fail-map", test_fail_map);
    TEST("fail-memory", test_fail_memory);
    TEST("fail-copy", test_fail_copy);
    TEST("fail-event", test_fail_event);
    TEST("fail-open", test_fail_open);
    TEST("many-handles", test_many_handles);
    TEST("close", test_close);
    TEST("backend-dies", test_backend_dies);
    TEST("kill-guest", test_kill_guest);
    TEST("threads", test_threads);
    return g_test_run();
}
