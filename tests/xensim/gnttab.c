/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libxengnttab.so.1 in a simulated Xen
 *
 * To map a grant is to pin it and to map the page out of the file that is the
 * guest's memory, for reading only if that is what was asked for: a write
 * then faults, as on Xen.  To copy is to pin, memcpy and unpin.  The rules
 * are those of Linux's gntdev on a PV domain: a call maps all or nothing, and
 * what was mapped by one call is unmapped by one call.
 *
 * A handle may be used by several threads.
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xengnttab.h>
#include "client.h"
#include "pin.h"

#define MEMORY_SIZE ((size_t)XENSIM_NR_FRAMES * XENSIM_PAGE_SIZE)

/* What gntdev allows if nothing else was said */
#define DEFAULT_MAX_GRANTS 65536

/* What was mapped by one call */
typedef struct Mapping {
    struct Mapping *next;
    void *addr;
    uint32_t count;
    bool write;
    uint32_t refs[];
} Mapping;

struct xengntdev_handle {
    XensimClient client;
    uint8_t *memory;
    pthread_mutex_t lock;       /* of what is below */
    Mapping *mappings;
    uint32_t nr_mapped;
    uint32_t max_grants;
};

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger,
                                 unsigned int open_flags)
{
    xengnttab_handle *xgt = calloc(1, sizeof(*xgt));

    (void)logger;
    (void)open_flags;
    if (!xgt) {
        return NULL;
    }
    if (xensim_client_open(&xgt->client, XENSIM_OPEN_GNTTAB) < 0) {
        free(xgt);
        return NULL;
    }
    xgt->memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
                       xgt->client.file, 0);
    if (xgt->memory == MAP_FAILED) {
        xensim_client_close(&xgt->client);
        free(xgt);
        return NULL;
    }
    pthread_mutex_init(&xgt->lock, NULL);
    xgt->max_grants = DEFAULT_MAX_GRANTS;
    return xgt;
}

static void end_mapping(xengnttab_handle *xgt, Mapping *mapping)
{
    XensimShared *shared = xgt->client.shared;

    munmap(mapping->addr, (size_t)mapping->count * XENSIM_PAGE_SIZE);
    for (uint32_t i = 0; i < mapping->count; i++) {
        xensim_op(shared, XENSIM_OP_UNMAP);
        xensim_unpin(shared, xgt->client.number, mapping->refs[i],
                     mapping->write);
    }
    xgt->nr_mapped -= mapping->count;
    free(mapping);
}

int xengnttab_close(xengnttab_handle *xgt)
{
    if (!xgt) {
        return 0;
    }
    while (xgt->mappings) {
        Mapping *mapping = xgt->mappings;

        xgt->mappings = mapping->next;
        atomic_fetch_add(&xgt->client.shared->left_mapped, mapping->count);
        end_mapping(xgt, mapping);
    }
    munmap(xgt->memory, MEMORY_SIZE);
    pthread_mutex_destroy(&xgt->lock);
    xensim_client_close(&xgt->client);
    free(xgt);
    return 0;
}

int xengnttab_fd(xengnttab_handle *xgt)
{
    return xgt->client.fd;
}

int xengnttab_set_max_grants(xengnttab_handle *xgt, uint32_t nr_grants)
{
    xgt->max_grants = nr_grants;
    return 0;
}

/*
 * Map and unmap
 */

/* Returns 0, or a negative errno value. */
static int map_page(xengnttab_handle *xgt, Mapping *mapping, uint32_t i,
                    uint32_t domid, uint32_t ref, int prot)
{
    XensimShared *shared = xgt->client.shared;
    uint8_t *addr = (uint8_t *)mapping->addr + (size_t)i * XENSIM_PAGE_SIZE;
    uint32_t frame;

    if (!xensim_op(shared, XENSIM_OP_MAP) ||
        xensim_pin(shared, xgt->client.number, domid, ref, mapping->write,
                   &frame) != GNTST_okay) {
        return -EINVAL;
    }
    mapping->refs[i] = ref;
    mapping->count = i + 1;
    xgt->nr_mapped++;
    if (mmap(addr, XENSIM_PAGE_SIZE, prot, MAP_SHARED | MAP_FIXED,
             xgt->client.file, (off_t)frame * XENSIM_PAGE_SIZE) ==
        MAP_FAILED) {
        return -errno;
    }
    return 0;
}

/* Address space for all pages: each is mapped into it. */
static void *reserve(xengnttab_handle *xgt, uint32_t count)
{
    void *addr;

    if (!xensim_op(xgt->client.shared, XENSIM_OP_MAP_MEMORY) ||
        count > xgt->max_grants - xgt->nr_mapped) {
        errno = ENOMEM;
        return NULL;
    }
    addr = mmap(NULL, (size_t)count * XENSIM_PAGE_SIZE, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return addr == MAP_FAILED ? NULL : addr;
}

static void *map_locked(xengnttab_handle *xgt, uint32_t count,
                        const uint32_t *domids, unsigned int domid_step,
                        const uint32_t *refs, int prot)
{
    Mapping *mapping;
    void *addr;
    int error = 0;

    if (!count) {
        errno = EINVAL;
        return NULL;
    }
    addr = reserve(xgt, count);
    mapping = calloc(1, sizeof(*mapping) + count * sizeof(uint32_t));
    if (!addr || !mapping) {
        free(mapping);
        return NULL;
    }
    mapping->addr = addr;
    mapping->write = prot & PROT_WRITE;
    for (uint32_t i = 0; i < count && !error; i++) {
        error = map_page(xgt, mapping, i, domids[i * domid_step], refs[i],
                         prot);
    }
    if (error) {
        /* No page twice: another thread may have mapped something by then. */
        munmap((uint8_t *)addr + (size_t)mapping->count * XENSIM_PAGE_SIZE,
               (size_t)(count - mapping->count) * XENSIM_PAGE_SIZE);
        end_mapping(xgt, mapping);
        errno = -error;
        return NULL;
    }
    mapping->next = xgt->mappings;
    xgt->mappings = mapping;
    return addr;
}

static void *map_refs(xengnttab_handle *xgt, uint32_t count,
                      const uint32_t *domids, unsigned int domid_step,
                      const uint32_t *refs, int prot)
{
    void *addr;

    pthread_mutex_lock(&xgt->lock);
    addr = map_locked(xgt, count, domids, domid_step, refs, prot);
    pthread_mutex_unlock(&xgt->lock);
    return addr;
}

void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid,
                              uint32_t ref, int prot)
{
    return map_refs(xgt, 1, &domid, 0, &ref, prot);
}

void *xengnttab_map_grant_refs(xengnttab_handle *xgt, uint32_t count,
                               uint32_t *domids, uint32_t *refs, int prot)
{
    return map_refs(xgt, count, domids, 1, refs, prot);
}

void *xengnttab_map_domain_grant_refs(xengnttab_handle *xgt, uint32_t count,
                                      uint32_t domid, uint32_t *refs,
                                      int prot)
{
    return map_refs(xgt, count, &domid, 0, refs, prot);
}

void *xengnttab_map_grant_ref_notify(xengnttab_handle *xgt, uint32_t domid,
                                     uint32_t ref, int prot,
                                     uint32_t notify_offset,
                                     evtchn_port_t notify_port)
{
    if (notify_offset != (uint32_t)-1 || notify_port != (evtchn_port_t)-1) {
        errno = ENOSYS;
        return NULL;
    }
    return map_refs(xgt, 1, &domid, 0, &ref, prot);
}

/* Takes the mapping out of the list; NULL if there is none such. */
static Mapping *take_mapping(xengnttab_handle *xgt, const void *addr,
                             uint32_t count)
{
    Mapping **link = &xgt->mappings;
    Mapping *mapping;

    while (*link && (*link)->addr != addr) {
        link = &(*link)->next;
    }
    mapping = *link;
    if (!mapping || mapping->count != count) {
        return NULL;
    }
    *link = mapping->next;
    return mapping;
}

int xengnttab_unmap(xengnttab_handle *xgt, void *start_address, uint32_t count)
{
    Mapping *mapping;

    pthread_mutex_lock(&xgt->lock);
    mapping = take_mapping(xgt, start_address, count);
    if (mapping) {
        end_mapping(xgt, mapping);
    }
    pthread_mutex_unlock(&xgt->lock);
    if (!mapping) {
        errno = EINVAL;
        return -1;
    }
    return 0;
}

/*
 * Copy
 */

/* One end of a copy: a granted page, or memory of our own */
typedef struct End {
    const union xengnttab_copy_ptr *where;
    bool granted;
    bool write;
    uint8_t *addr;
} End;

static bool is_within_page(const End *end, uint16_t len)
{
    return !end->granted ||
           end->where->foreign.offset + len <= XENSIM_PAGE_SIZE;
}

static int16_t open_end(xengnttab_handle *xgt, End *end)
{
    uint32_t frame;
    int16_t status;

    if (!end->granted) {
        end->addr = end->where->virt;
        return GNTST_okay;
    }
    status = xensim_pin(xgt->client.shared, xgt->client.number,
                        end->where->foreign.domid, end->where->foreign.ref,
                        end->write, &frame);
    if (status == GNTST_okay) {
        end->addr = xgt->memory + (size_t)frame * XENSIM_PAGE_SIZE +
                    end->where->foreign.offset;
    }
    return status;
}

static void close_end(xengnttab_handle *xgt, const End *end)
{
    if (end->granted) {
        xensim_unpin(xgt->client.shared, xgt->client.number,
                     end->where->foreign.ref, end->write);
    }
}

static void init_ends(const xengnttab_grant_copy_segment_t *segment,
                      End *source, End *dest)
{
    *source = (End) {
        .where = &segment->source,
        .granted = segment->flags & GNTCOPY_source_gref,
    };
    *dest = (End) {
        .where = &segment->dest,
        .granted = segment->flags & GNTCOPY_dest_gref,
        .write = true,
    };
}

static int16_t copy_segment(xengnttab_handle *xgt,
                            const xengnttab_grant_copy_segment_t *segment)
{
    End source, dest;
    int16_t status;

    if (!xensim_op(xgt->client.shared, XENSIM_OP_COPY)) {
        return GNTST_general_error;
    }
    init_ends(segment, &source, &dest);
    status = open_end(xgt, &source);
    if (status != GNTST_okay) {
        return status;
    }
    status = open_end(xgt, &dest);
    if (status == GNTST_okay) {
        memcpy(dest.addr, source.addr, segment->len);
        close_end(xgt, &dest);
    }
    close_end(xgt, &source);
    return status;
}

/* gntdev refuses the whole call for these. */
static bool is_sound(const xengnttab_grant_copy_segment_t *segment)
{
    End source, dest;

    init_ends(segment, &source, &dest);
    return (source.granted || dest.granted) &&
           is_within_page(&source, segment->len) &&
           is_within_page(&dest, segment->len);
}

int xengnttab_grant_copy(xengnttab_handle *xgt, uint32_t count,
                         xengnttab_grant_copy_segment_t *segs)
{
    if (!count) {
        return 0;
    }
    if (!xensim_op(xgt->client.shared, XENSIM_OP_COPY_CALL)) {
        errno = EIO;
        return -1;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!is_sound(&segs[i])) {
            errno = EINVAL;
            return -1;
        }
        segs[i].status = copy_segment(xgt, &segs[i]);
    }
    return 0;
}
