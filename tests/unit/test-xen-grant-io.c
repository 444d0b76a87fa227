/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of bursts of reads from, and writes to, granted pages
 *
 * The peer's pages are a memfd: a grant reference is a page's number in it.
 * To map a page maps the memfd once more, so mapped and copied data are the
 * same bytes.  The copy refuses, as the hypervisor does, a segment that
 * crosses a page on either side; a bad reference fails the call, after the
 * segments before it have been copied.
 */

#include "qemu/osdep.h"
#include "qemu/memfd.h"
#include "qapi/error.h"
#include "hw/xen/xen-grant-io.h"

#define DOMID 7
#define NR_REFS 128

static struct {
    int fd;
    uint8_t *memory;            /* all of the peer's pages */
    bool bad[NR_REFS];
    bool unmappable;
    unsigned int pages;
    unsigned int map_calls;
    unsigned int copy_calls;
} xen;

static uint8_t *page(uint32_t ref)
{
    g_assert_cmpuint(ref, <, NR_REFS);
    return xen.memory + ref * XEN_PAGE_SIZE;
}

static void *map_refs(xengnttab_handle *xgt, uint32_t count, uint32_t domid,
                      uint32_t *refs, int prot)
{
    uint8_t *addr;

    xen.map_calls++;
    g_assert_cmpuint(domid, ==, DOMID);
    if (xen.unmappable) {
        return NULL;
    }
    addr = mmap(NULL, count * XEN_PAGE_SIZE, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert(addr != MAP_FAILED);
    for (uint32_t i = 0; i < count; i++) {
        g_assert_false(xen.bad[refs[i]]);
        g_assert(mmap(addr + i * XEN_PAGE_SIZE, XEN_PAGE_SIZE, prot,
                      MAP_SHARED | MAP_FIXED, xen.fd,
                      refs[i] * XEN_PAGE_SIZE) != MAP_FAILED);
    }
    xen.pages += count;
    return addr;
}

static int unmap(xengnttab_handle *xgt, void *addr, uint32_t *refs,
                 uint32_t count)
{
    g_assert_cmpuint(xen.pages, >=, count);
    xen.pages -= count;
    return munmap(addr, count * XEN_PAGE_SIZE);
}

static void check_within_page(size_t offset, size_t len)
{
    g_assert_cmpuint(offset % XEN_PAGE_SIZE + len, <=, XEN_PAGE_SIZE);
}

static int grant_copy(xengnttab_handle *xgt, bool to_domain, uint32_t domid,
                      XenGrantCopySegment *segs, uint32_t nr_segs,
                      Error **errp)
{
    xen.copy_calls++;
    g_assert_cmpuint(domid, ==, DOMID);
    g_assert_cmpuint(nr_segs, >, 0);
    for (uint32_t i = 0; i < nr_segs; i++) {
        XenGrantCopySegment *seg = &segs[i];
        void *local = to_domain ? seg->source.virt : seg->dest.virt;
        uint32_t ref = to_domain ? seg->dest.foreign.ref
                                 : seg->source.foreign.ref;
        off_t offset = to_domain ? seg->dest.foreign.offset
                                 : seg->source.foreign.offset;

        check_within_page((uintptr_t)local, seg->len);
        g_assert_cmpuint(offset + seg->len, <=, XEN_PAGE_SIZE);
        if (xen.bad[ref]) {
            return -EINVAL;
        }
        if (to_domain) {
            memcpy(page(ref) + offset, local, seg->len);
        } else {
            memcpy(local, page(ref) + offset, seg->len);
        }
    }
    return 0;
}

static struct gnttab_backend_ops ops = {
    .features = XEN_GNTTAB_OP_FEATURE_MAP_MULTIPLE,
    .grant_copy = grant_copy,
    .map_refs = map_refs,
    .unmap = unmap,
};

struct gnttab_backend_ops *xen_gnttab_ops = &ops;

typedef struct Fixture {
    XenGrantCache *cache;
    XenGrantIO *io;
} Fixture;

/* Bursts of 64 segments; without pages to map, there's no cache. */
static Fixture begin(bool to_domain, unsigned int max_pages)
{
    Fixture f = { NULL };

    memset(&xen, 0, sizeof(xen));
    xen.fd = qemu_memfd_create("peer", NR_REFS * XEN_PAGE_SIZE, false, 0, 0,
                               &error_abort);
    xen.memory = mmap(NULL, NR_REFS * XEN_PAGE_SIZE, PROT_READ | PROT_WRITE,
                      MAP_SHARED, xen.fd, 0);
    g_assert(xen.memory != MAP_FAILED);
    for (size_t i = 0; i < NR_REFS * XEN_PAGE_SIZE; i++) {
        xen.memory[i] = i * 7 + i / XEN_PAGE_SIZE;
    }
    if (max_pages) {
        f.cache = xen_grant_cache_new(NULL, DOMID, max_pages,
                                      PROT_READ | PROT_WRITE);
    }
    f.io = xen_grant_io_new(NULL, DOMID, to_domain, f.cache, 64);
    return f;
}

static void end(Fixture *f)
{
    g_assert_cmpuint(xen_grant_io_stats(f->io)->copy_calls, ==,
                     xen.copy_calls);
    xen_grant_io_free(f->io);
    xen_grant_cache_free(f->cache);
    g_assert_cmpuint(xen.pages, ==, 0);
    munmap(xen.memory, NR_REFS * XEN_PAGE_SIZE);
    close(xen.fd);
}

static void read_and_check(Fixture *f, unsigned int nr_refs)
{
    XenGrantSegment *seg[64];

    for (uint32_t i = 0; i < nr_refs; i++) {
        seg[i] = xen_grant_io_add(f->io, i, i * 13, 100 + i);
    }
    xen_grant_io_submit(f->io);
    for (uint32_t i = 0; i < nr_refs; i++) {
        g_assert_false(seg[i]->failed);
        g_assert_cmpmem(seg[i]->data, 100 + i, page(i) + i * 13, 100 + i);
    }
    xen_grant_io_reset(f->io);
}

/* The bytes around a segment must stay as they were. */
static void write_and_check(Fixture *f, unsigned int nr_refs, uint8_t value)
{
    g_autofree uint8_t *expected = g_memdup2(xen.memory,
                                             NR_REFS * XEN_PAGE_SIZE);

    for (uint32_t i = 0; i < nr_refs; i++) {
        XenGrantSegment *seg = xen_grant_io_add(f->io, i, i * 11, 50 + i);

        memset(seg->data, value + i, 50 + i);
        memset(expected + i * XEN_PAGE_SIZE + i * 11, value + i, 50 + i);
    }
    xen_grant_io_submit(f->io);
    xen_grant_io_reset(f->io);
    g_assert_cmpmem(xen.memory, NR_REFS * XEN_PAGE_SIZE,
                    expected, NR_REFS * XEN_PAGE_SIZE);
}

/* The first use copies and maps, by one call each; the second needs none. */
static void test_read(void)
{
    Fixture f = begin(false, 64);

    read_and_check(&f, 64);
    g_assert_cmpuint(xen.copy_calls, ==, 1);
    g_assert_cmpuint(xen.map_calls, ==, 1);
    g_assert_cmpuint(xen.pages, ==, 64);
    g_assert_cmpuint(xen_grant_io_stats(f.io)->copies, ==, 64);
    memset(page(3), 0x55, XEN_PAGE_SIZE);
    read_and_check(&f, 64);
    g_assert_cmpuint(xen.copy_calls, ==, 1);
    g_assert_cmpuint(xen.map_calls, ==, 1);
    g_assert_cmpuint(xen_grant_io_stats(f.io)->hits, ==, 64);
    end(&f);
}

static void test_write(void)
{
    Fixture f = begin(true, 64);

    write_and_check(&f, 64, 1);
    g_assert_cmpuint(xen.copy_calls, ==, 1);
    g_assert_cmpuint(xen.map_calls, ==, 1);
    write_and_check(&f, 64, 99);
    g_assert_cmpuint(xen.copy_calls, ==, 1);
    g_assert_cmpuint(xen.map_calls, ==, 1);
    end(&f);
}

/*
 * A page that is not mapped is written from the caller's memory; after that it
 * is mapped, and found as a whole.
 */
static void test_callers_memory(void)
{
    static uint8_t data[128] QEMU_ALIGNED(128);     /* within a page */
    Fixture f = begin(true, 64);
    XenGrantSegment *seg;

    memset(data, 0x42, sizeof(data));
    g_assert_null(xen_grant_io_add_mapped(f.io, 5));
    seg = xen_grant_io_add_copied(f.io, 5, 10, sizeof(data), data);
    g_assert(seg->data == data);
    xen_grant_io_submit(f.io);
    xen_grant_io_reset(f.io);
    g_assert_cmpmem(page(5) + 10, sizeof(data), data, sizeof(data));
    g_assert_cmpuint(xen.copy_calls, ==, 1);

    seg = xen_grant_io_add_mapped(f.io, 5);
    g_assert_nonnull(seg);
    g_assert_cmpmem(seg->data, XEN_PAGE_SIZE, page(5), XEN_PAGE_SIZE);
    g_assert_null(xen_grant_io_add_mapped(f.io, 5));
    xen_grant_io_submit(f.io);
    xen_grant_io_reset(f.io);
    g_assert_cmpuint(xen.copy_calls, ==, 1);
    end(&f);
}

static void test_without_cache(void)
{
    Fixture f = begin(false, 0);

    for (unsigned int i = 1; i <= 3; i++) {
        read_and_check(&f, 64);
        g_assert_cmpuint(xen.copy_calls, ==, i);
    }
    g_assert_cmpuint(xen.map_calls, ==, 0);
    g_assert_cmpuint(xen_grant_io_stats(f.io)->copies, ==, 3 * 64);
    end(&f);
}

static void test_mapped_and_copied(void)
{
    Fixture f = begin(false, 16);

    for (unsigned int i = 1; i <= 3; i++) {
        read_and_check(&f, 40);
        g_assert_cmpuint(xen.copy_calls, ==, i);
        g_assert_cmpuint(xen.pages, ==, 16);
    }
    g_assert_cmpuint(xen_grant_io_stats(f.io)->copies, ==, 40 + 2 * 24);
    end(&f);
}

static void test_unmappable(void)
{
    Fixture f = begin(true, 64);

    xen.unmappable = true;
    write_and_check(&f, 30, 3);
    write_and_check(&f, 30, 4);
    g_assert_cmpuint(xen_grant_io_stats(f.io)->copies, ==, 60);
    end(&f);
}

/* A page that is named twice is copied the second time, being busy. */
static void test_same_page_twice(void)
{
    Fixture f = begin(false, 8);

    for (int i = 0; i < 3; i++) {
        XenGrantSegment *one = xen_grant_io_add(f.io, 9, 0, 100);
        XenGrantSegment *two = xen_grant_io_add(f.io, 9, 100, 200);

        xen_grant_io_submit(f.io);
        g_assert_cmpint(one->grant != NULL, ==, i > 0);
        g_assert_null(two->grant);
        g_assert_cmpmem(one->data, 100, page(9), 100);
        g_assert_cmpmem(two->data, 200, page(9) + 100, 200);
        xen_grant_io_reset(f.io);
    }
    g_assert_cmpuint(xen.pages, ==, 1);
    g_assert_cmpuint(xen_grant_cache_stats(f.cache)->busy, ==, 3);
    end(&f);
}

static void check_bad_ref(bool to_domain, uint32_t bad)
{
    Fixture f = begin(to_domain, 64);
    XenGrantSegment *seg[64];

    xen.bad[bad] = true;
    for (uint32_t i = 0; i < 64; i++) {
        seg[i] = xen_grant_io_add(f.io, i, i, 64);
        if (to_domain) {
            memset(seg[i]->data, 200 - i, 64);
        }
    }
    xen_grant_io_submit(f.io);
    for (uint32_t i = 0; i < 64; i++) {
        g_assert_cmpint(seg[i]->failed, ==, i == bad);
        if (i != bad) {
            g_assert_cmpmem(seg[i]->data, 64, page(i) + i, 64);
        }
    }
    /* All, then two halves for each of the six times that 64 is halved */
    g_assert_cmpuint(xen.copy_calls, ==, 1 + 2 * 6);
    g_assert_cmpuint(xen_grant_io_stats(f.io)->copies, ==, 63);
    g_assert_cmpuint(xen.pages, ==, 63);
    g_assert_cmpuint(xen.map_calls, ==, 1);
    xen_grant_io_reset(f.io);

    /* What failed is forgotten by the next burst. */
    xen.bad[bad] = false;
    seg[0] = xen_grant_io_add(f.io, bad, 0, 10);
    xen_grant_io_submit(f.io);
    g_assert_false(seg[0]->failed);
    end(&f);
}

static void test_bad_ref(void)
{
    static const uint32_t bad[] = { 0, 1, 31, 32, 45, 63 };

    for (int i = 0; i < ARRAY_SIZE(bad); i++) {
        check_bad_ref(false, bad[i]);
        check_bad_ref(true, bad[i]);
    }
}

static void test_all_bad(void)
{
    Fixture f = begin(false, 64);
    XenGrantSegment *seg[64];

    for (uint32_t i = 0; i < 64; i++) {
        xen.bad[i] = true;
        seg[i] = xen_grant_io_add(f.io, i, 0, 64);
    }
    xen_grant_io_submit(f.io);
    for (uint32_t i = 0; i < 64; i++) {
        g_assert_true(seg[i]->failed);
    }
    g_assert_cmpuint(xen.copy_calls, ==, 2 * 64 - 1);
    g_assert_cmpuint(xen.map_calls, ==, 0);
    end(&f);
}

static void test_room(void)
{
    Fixture f = begin(false, 8);

    for (unsigned int i = 0; i < 64; i++) {
        g_assert_cmpuint(xen_grant_io_room(f.io), ==, 64 - i);
        xen_grant_io_add(f.io, i, 0, XEN_PAGE_SIZE);
    }
    g_assert_cmpuint(xen_grant_io_room(f.io), ==, 0);
    xen_grant_io_submit(f.io);
    g_assert_cmpuint(xen_grant_io_room(f.io), ==, 0);
    xen_grant_io_reset(f.io);
    g_assert_cmpuint(xen_grant_io_room(f.io), ==, 64);
    xen_grant_io_submit(f.io);
    g_assert_cmpuint(xen.copy_calls, ==, 1);
    end(&f);
}

static void test_offsets(void)
{
    static const struct {
        unsigned int offset, len;
    } parts[] = {
        { 0, 1 }, { 0, XEN_PAGE_SIZE }, { 1, XEN_PAGE_SIZE - 1 },
        { XEN_PAGE_SIZE - 1, 1 }, { XEN_PAGE_SIZE, 0 }, { 0, 0 },
        { 2048, 2048 }, { 4000, 96 },
    };
    Fixture f = begin(false, 8);

    for (int pass = 0; pass < 2; pass++) {
        XenGrantSegment *seg[ARRAY_SIZE(parts)];

        for (uint32_t i = 0; i < ARRAY_SIZE(parts); i++) {
            seg[i] = xen_grant_io_add(f.io, i, parts[i].offset, parts[i].len);
        }
        xen_grant_io_submit(f.io);
        for (uint32_t i = 0; i < ARRAY_SIZE(parts); i++) {
            g_assert(memcmp(seg[i]->data, page(i) + parts[i].offset,
                            parts[i].len) == 0);
        }
        xen_grant_io_reset(f.io);
    }
    g_assert_cmpuint(xen.copy_calls, ==, 1);
    end(&f);
}

/* A burst that is given up before it was submitted keeps nothing busy. */
static void test_reset_unsubmitted(void)
{
    Fixture f = begin(false, 64);

    read_and_check(&f, 4);
    for (uint32_t i = 0; i < 8; i++) {
        xen_grant_io_add(f.io, i, 0, 10);
    }
    xen_grant_io_reset(f.io);
    xen_grant_io_submit(f.io);
    g_assert_cmpuint(xen.copy_calls, ==, 1);
    read_and_check(&f, 8);
    xen_grant_cache_flush(f.cache);
    end(&f);
}

/* Any lengths: in the arena, none crosses a page or touches another. */
static void check_random_burst(Fixture *f)
{
    g_autofree uint8_t *expected = g_memdup2(xen.memory,
                                             NR_REFS * XEN_PAGE_SIZE);
    XenGrantSegment *seg[64];
    unsigned int offset[64], len[64], skip;

    skip = g_test_rand_int_range(0, NR_REFS - 64);
    for (uint32_t i = 0; i < 64; i++) {
        offset[i] = g_test_rand_int_range(0, XEN_PAGE_SIZE);
        len[i] = g_test_rand_int_range(0, XEN_PAGE_SIZE - offset[i] + 1);
        seg[i] = xen_grant_io_add(f->io, skip + i, offset[i], len[i]);
        check_within_page((uintptr_t)seg[i]->data, len[i]);
    }
    for (uint32_t i = 0; i < 64; i++) {
        uint8_t value = g_test_rand_int();

        memset(seg[i]->data, value, len[i]);
        memset(expected + (skip + i) * XEN_PAGE_SIZE + offset[i], value,
               len[i]);
    }
    xen_grant_io_submit(f->io);
    xen_grant_io_reset(f->io);
    g_assert(memcmp(xen.memory, expected, NR_REFS * XEN_PAGE_SIZE) == 0);
}

static void test_random(void)
{
    Fixture f = begin(true, 32);

    for (int i = 0; i < 300; i++) {
        check_random_burst(&f);
        g_assert_cmpuint(xen.pages, <=, 32);
    }
    end(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xen-grant-io/read", test_read);
    g_test_add_func("/xen-grant-io/write", test_write);
    g_test_add_func("/xen-grant-io/callers-memory", test_callers_memory);
    g_test_add_func("/xen-grant-io/without-cache", test_without_cache);
    g_test_add_func("/xen-grant-io/mapped-and-copied",
                    test_mapped_and_copied);
    g_test_add_func("/xen-grant-io/unmappable", test_unmappable);
    g_test_add_func("/xen-grant-io/same-page-twice", test_same_page_twice);
    g_test_add_func("/xen-grant-io/bad-ref", test_bad_ref);
    g_test_add_func("/xen-grant-io/all-bad", test_all_bad);
    g_test_add_func("/xen-grant-io/room", test_room);
    g_test_add_func("/xen-grant-io/offsets", test_offsets);
    g_test_add_func("/xen-grant-io/reset-unsubmitted",
                    test_reset_unsubmitted);
    g_test_add_func("/xen-grant-io/random", test_random);
    return g_test_run();
}
