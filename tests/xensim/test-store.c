/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of the simulated xenstore, through the real libxenstore
 *
 * Nothing here waits for time to pass.  That no event came is sure once a
 * later request is answered: a connection's events and answers come in the
 * order in which they were sent.
 */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>
#include "xensim.h"
#include "store.h"

#define GUEST 7
#define PATIENCE 30000          /* ms */

typedef struct Fixture {
    Xensim *sim;
    XensimStore *store;
    struct xs_handle *xs;
} Fixture;

static void set_up(Fixture *f, const void *data)
{
    g_auto(GStrv) envp = NULL;

    (void)data;
    f->sim = xensim_new(GUEST);
    f->store = xensim_store(f->sim);
    envp = xensim_environ(f->sim, "", NULL);
    setenv("XENSTORED_PATH", g_environ_getenv(envp, "XENSTORED_PATH"), true);
    f->xs = xs_open(0);
    g_assert_nonnull(f->xs);
}

/* The server learns of a closed connection a bit later. */
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
    xs_close(f->xs);
    wait_held(f, "");
    xensim_free(f->sim);
}

static void write_text(Fixture *f, xs_transaction_t tx, const char *path,
                       const char *text)
{
    g_assert_true(xs_write(f->xs, tx, path, text, strlen(text)));
}

/* @text may be NULL: there's no such node. */
static void expect_text(Fixture *f, xs_transaction_t tx, const char *path,
                        const char *text)
{
    unsigned int len;
    char *value;

    errno = 0;
    value = xs_read(f->xs, tx, path, &len);
    g_assert_cmpstr(value, ==, text);
    if (text) {
        g_assert_cmpuint(len, ==, strlen(text));
    } else {
        g_assert_cmpint(errno, ==, ENOENT);
    }
    free(value);
}

/* What the test's own functions see */
static void expect_seen(Fixture *f, const char *path, const char *text)
{
    g_autofree char *value = xensim_store_read(f->store, 0, path);

    g_assert_cmpstr(value, ==, text);
}

/* @names: with a comma between each two; NULL: there's no such node */
static void expect_list(Fixture *f, const char *path, const char *names)
{
    unsigned int nr = 0;
    char **list = xs_directory(f->xs, XBT_NULL, path, &nr);
    g_autoptr(GString) text = g_string_new(NULL);

    for (unsigned int i = 0; i < nr; i++) {
        g_string_append_printf(text, "%s%s", i ? "," : "", list[i]);
    }
    g_assert_cmpstr(list ? text->str : NULL, ==, names);
    free(list);
}

/*
 * Nodes
 */

static void test_read_write(Fixture *f, const void *data)
{
    (void)data;
    expect_text(f, XBT_NULL, "/a/b", NULL);
    write_text(f, XBT_NULL, "/a/b", "one");
    expect_text(f, XBT_NULL, "/a/b", "one");
    expect_text(f, XBT_NULL, "/a", "");
    write_text(f, XBT_NULL, "/a/b", "");
    expect_text(f, XBT_NULL, "/a/b", "");
    xensim_store_printf(f->store, 0, "/a/b", "%d", 2);
    expect_text(f, XBT_NULL, "/a/b", "2");
    expect_seen(f, "/a/b", "2");
    expect_seen(f, "/b", NULL);
}

static void test_values(Fixture *f, const void *data)
{
    static const char nulls[] = { 'a', 0, 'b', 0, 0 };
    g_autofree char *big = g_strnfill(4000, 'x');
    unsigned int len;
    char *value;

    (void)data;
    g_assert_true(xs_write(f->xs, XBT_NULL, "/nulls", nulls, sizeof(nulls)));
    value = xs_read(f->xs, XBT_NULL, "/nulls", &len);
    g_assert_cmpmem(value, len, nulls, sizeof(nulls));
    free(value);
    write_text(f, XBT_NULL, "/big", big);
    expect_text(f, XBT_NULL, "/big", big);
    expect_seen(f, "/big", big);
}

static void test_list(Fixture *f, const void *data)
{
    g_auto(GStrv) names = NULL;

    (void)data;
    expect_list(f, "/a", NULL);
    g_assert_cmpint(errno, ==, ENOENT);
    write_text(f, XBT_NULL, "/a/c/d", "1");
    write_text(f, XBT_NULL, "/a/b", "1");
    write_text(f, XBT_NULL, "/a-b", "1");
    expect_list(f, "/", "a,a-b");
    expect_list(f, "/a", "b,c");
    expect_list(f, "/a/b", "");
    names = xensim_store_list(f->store, 0, "/a");
    g_assert_cmpstr(names[0], ==, "b");
    g_assert_cmpstr(names[1], ==, "c");
    g_assert_null(names[2]);
    g_assert_null(xensim_store_list(f->store, 0, "/none"));
    g_assert_cmpint(errno, ==, ENOENT);
}

static void test_mkdir(Fixture *f, const void *data)
{
    (void)data;
    g_assert_true(xs_mkdir(f->xs, XBT_NULL, "/a/b"));
    expect_text(f, XBT_NULL, "/a/b", "");
    write_text(f, XBT_NULL, "/a/b", "kept");
    g_assert_true(xs_mkdir(f->xs, XBT_NULL, "/a/b"));
    expect_text(f, XBT_NULL, "/a/b", "kept");
}

static void test_remove(Fixture *f, const void *data)
{
    (void)data;
    write_text(f, XBT_NULL, "/a/b/c", "1");
    write_text(f, XBT_NULL, "/a/bc", "2");
    g_assert_true(xs_rm(f->xs, XBT_NULL, "/a/b"));
    expect_text(f, XBT_NULL, "/a/b", NULL);
    expect_text(f, XBT_NULL, "/a/b/c", NULL);
    expect_text(f, XBT_NULL, "/a/bc", "2");
    /* What isn't there is removed already, if its parent is there. */
    g_assert_true(xs_rm(f->xs, XBT_NULL, "/a/b"));
    g_assert_false(xs_rm(f->xs, XBT_NULL, "/a/b/c"));
    g_assert_cmpint(errno, ==, ENOENT);
    g_assert_false(xs_rm(f->xs, XBT_NULL, "/"));
    g_assert_cmpint(errno, ==, EINVAL);
    g_assert_true(xensim_store_remove(f->store, 0, "/a"));
    g_assert_true(xensim_store_remove(f->store, 0, "/a/b/c"));
    expect_list(f, "/", "");
}

static void test_relative(Fixture *f, const void *data)
{
    char *path = xs_get_domain_path(f->xs, GUEST);

    (void)data;
    g_assert_cmpstr(path, ==, "/local/domain/7");
    free(path);
    write_text(f, XBT_NULL, "backend/vif", "1");
    expect_text(f, XBT_NULL, "/local/domain/0/backend/vif", "1");
    expect_list(f, "backend", "vif");
    expect_seen(f, "/local/domain/0/backend/vif", "1");
}

static void expect_invalid(Fixture *f, const char *path)
{
    g_assert_false(xs_write(f->xs, XBT_NULL, path, "1", 1));
    g_assert_cmpint(errno, ==, EINVAL);
    g_assert_null(xs_read(f->xs, XBT_NULL, path, NULL));
    g_assert_cmpint(errno, ==, EINVAL);
}

static void test_invalid(Fixture *f, const void *data)
{
    (void)data;
    expect_invalid(f, "/a/");
    expect_invalid(f, "a//b");
    expect_invalid(f, "/a b");
    expect_invalid(f, "");
    expect_invalid(f, "@releaseDomain");
    g_assert_false(xs_watch(f->xs, "/a/", "token"));
    g_assert_cmpint(errno, ==, EINVAL);
    expect_list(f, "/", "");
}

static void test_dump(Fixture *f, const void *data)
{
    g_autofree char *text = NULL;

    (void)data;
    write_text(f, XBT_NULL, "/b", "2");
    write_text(f, XBT_NULL, "/a/c", "1");
    text = xensim_store_dump(f->store);
    g_assert_cmpstr(text, ==, "/a = \"\"\n/a/c = \"1\"\n/b = \"2\"\n");
}

static void test_wait(Fixture *f, const void *data)
{
    (void)data;
    write_text(f, XBT_NULL, "/a", "1");
    g_assert_true(xensim_store_wait(f->store, "/a", "1", PATIENCE));
    g_assert_true(xensim_store_wait(f->store, "/b", NULL, PATIENCE));
    g_assert_false(xensim_store_wait(f->store, "/a", "2", 0));
    g_assert_false(xensim_store_wait(f->store, "/a", NULL, 0));
}

static void *write_later(void *opaque)
{
    write_text(opaque, XBT_NULL, "/a", "2");
    return NULL;
}

static void test_wait_longer(Fixture *f, const void *data)
{
    GThread *thread = g_thread_new("write", write_later, f);

    (void)data;
    g_assert_true(xensim_store_wait(f->store, "/a", "2", PATIENCE));
    g_thread_join(thread);
}

/*
 * Permissions
 */

static void set_perms(Fixture *f, const char *path, unsigned int owner,
                      unsigned int others, unsigned int domid,
                      unsigned int access)
{
    struct xs_permissions perms[] = {
        { .id = owner, .perms = others },
        { .id = domid, .perms = access },
    };

    g_assert_true(xs_set_permissions(f->xs, XBT_NULL, path, perms,
                                     G_N_ELEMENTS(perms)));
}

static void expect_perms(Fixture *f, const char *path, unsigned int owner,
                         unsigned int others, unsigned int domid,
                         unsigned int access)
{
    unsigned int nr;
    struct xs_permissions *perms = xs_get_permissions(f->xs, XBT_NULL, path,
                                                      &nr);

    g_assert_nonnull(perms);
    g_assert_cmpuint(nr, ==, 2);
    g_assert_cmpuint(perms[0].id, ==, owner);
    g_assert_cmpuint(perms[0].perms, ==, others);
    g_assert_cmpuint(perms[1].id, ==, domid);
    g_assert_cmpuint(perms[1].perms, ==, access);
    free(perms);
}

static void expect_guest(Fixture *f, const char *path, bool reads, bool writes)
{
    g_autofree char *value = xensim_store_read(f->store, GUEST, path);
    g_auto(GStrv) names = NULL;

    g_assert_cmpint(errno, ==, reads ? 0 : EACCES);
    g_assert_cmpint(value != NULL, ==, reads);
    names = xensim_store_list(f->store, GUEST, path);
    g_assert_cmpint(errno, ==, reads ? 0 : EACCES);
    g_assert_cmpint(xensim_store_write(f->store, GUEST, path, "x"), ==,
                    writes);
    g_assert_cmpint(errno, ==, writes ? 0 : EACCES);
}

static void test_permissions(Fixture *f, const void *data)
{
    (void)data;
    write_text(f, XBT_NULL, "/a", "1");
    expect_guest(f, "/a", false, false);
    g_assert_false(xensim_store_remove(f->store, GUEST, "/a"));
    g_assert_cmpint(errno, ==, EACCES);
    set_perms(f, "/a", 0, XS_PERM_NONE, GUEST, XS_PERM_READ);
    expect_perms(f, "/a", 0, XS_PERM_NONE, GUEST, XS_PERM_READ);
    expect_guest(f, "/a", true, false);
    set_perms(f, "/a", 0, XS_PERM_NONE, GUEST, XS_PERM_WRITE);
    expect_guest(f, "/a", false, true);
    set_perms(f, "/a", 0, XS_PERM_READ | XS_PERM_WRITE, 9, XS_PERM_NONE);
    expect_guest(f, "/a", true, true);
    set_perms(f, "/a", GUEST, XS_PERM_NONE, 0, XS_PERM_READ);
    expect_guest(f, "/a", true, true);
    /* Domain 0 may do anything. */
    write_text(f, XBT_NULL, "/a", "2");
    g_assert_true(xensim_store_remove(f->store, GUEST, "/a"));
}

static void test_owner(Fixture *f, const void *data)
{
    unsigned int nr;

    (void)data;
    g_assert_null(xs_get_permissions(f->xs, XBT_NULL, "/a", &nr));
    g_assert_cmpint(errno, ==, ENOENT);
    write_text(f, XBT_NULL, "/a", "1");
    xensim_store_set_owner(f->store, "/a", GUEST, 0);
    expect_perms(f, "/a", GUEST, XS_PERM_NONE, 0, XS_PERM_READ);
    /* A new node is its parent's owner's, or the guest's who has made it. */
    write_text(f, XBT_NULL, "/a/b", "1");
    expect_perms(f, "/a/b", GUEST, XS_PERM_NONE, 0, XS_PERM_READ);
    set_perms(f, "/a/b", 0, XS_PERM_NONE, GUEST, XS_PERM_WRITE);
    xensim_store_printf(f->store, GUEST, "/a/b/c", "1");
    expect_perms(f, "/a/b/c", GUEST, XS_PERM_NONE, GUEST, XS_PERM_WRITE);
}

/*
 * Watches
 */

static void expect_event(struct xs_handle *xs, const char *path,
                         const char *token)
{
    struct pollfd fd = { .fd = xs_fileno(xs), .events = POLLIN };
    char **event;

    g_assert_cmpint(poll(&fd, 1, PATIENCE), ==, 1);
    event = xs_check_watch(xs);
    g_assert_nonnull(event);
    g_assert_cmpstr(event[XS_WATCH_PATH], ==, path);
    g_assert_cmpstr(event[XS_WATCH_TOKEN], ==, token);
    free(event);
}

static void expect_silence(struct xs_handle *xs)
{
    free(xs_read(xs, XBT_NULL, "/", NULL));
    g_assert_null(xs_check_watch(xs));
    g_assert_cmpint(errno, ==, EAGAIN);
}

static void test_watch(Fixture *f, const void *data)
{
    (void)data;
    g_assert_true(xs_watch(f->xs, "/a", "token"));
    expect_event(f->xs, "/a", "token");
    expect_silence(f->xs);
    write_text(f, XBT_NULL, "/a", "1");
    expect_event(f->xs, "/a", "token");
    xensim_store_printf(f->store, 0, "/a/b/c", "1");
    expect_event(f->xs, "/a/b/c", "token");
    set_perms(f, "/a/b", 0, XS_PERM_NONE, GUEST, XS_PERM_READ);
    expect_event(f->xs, "/a/b", "token");
    write_text(f, XBT_NULL, "/ab", "1");
    expect_silence(f->xs);
    g_assert_true(xs_unwatch(f->xs, "/a", "token"));
    write_text(f, XBT_NULL, "/a", "2");
    expect_silence(f->xs);
    g_assert_false(xs_unwatch(f->xs, "/a", "token"));
    g_assert_cmpint(errno, ==, ENOENT);
}

static void test_watch_remove(Fixture *f, const void *data)
{
    (void)data;
    write_text(f, XBT_NULL, "/a/b/c", "1");
    g_assert_true(xs_watch(f->xs, "/a", "above"));
    expect_event(f->xs, "/a", "above");
    g_assert_true(xs_watch(f->xs, "/a/b/c", "below"));
    expect_event(f->xs, "/a/b/c", "below");
    g_assert_true(xs_watch(f->xs, "/a/b/d", "nothing"));
    expect_event(f->xs, "/a/b/d", "nothing");
    xensim_store_remove(f->store, 0, "/a/b");
    expect_event(f->xs, "/a/b", "above");
    expect_event(f->xs, "/a/b/c", "below");
    expect_silence(f->xs);
}

static void test_watch_relative(Fixture *f, const void *data)
{
    (void)data;
    g_assert_true(xs_watch(f->xs, "backend/vif", "token"));
    expect_event(f->xs, "backend/vif", "token");
    xensim_store_printf(f->store, 0, "/local/domain/0/backend/vif/7/0/state",
                        "1");
    expect_event(f->xs, "backend/vif/7/0/state", "token");
}

static void test_watch_special(Fixture *f, const void *data)
{
    (void)data;
    g_assert_true(xs_watch(f->xs, "@releaseDomain", "token"));
    expect_event(f->xs, "@releaseDomain", "token");
    expect_silence(f->xs);
}

static void test_watch_many(Fixture *f, const void *data)
{
    struct xs_handle *other = xs_open(0);

    (void)data;
    g_assert_true(xs_watch(f->xs, "/a", "1"));
    expect_event(f->xs, "/a", "1");
    g_assert_false(xs_watch(f->xs, "/a", "1"));
    g_assert_cmpint(errno, ==, EEXIST);
    g_assert_true(xs_watch(f->xs, "/a", "2"));
    expect_event(f->xs, "/a", "2");
    g_assert_true(xs_watch(other, "/a", "1"));
    expect_event(other, "/a", "1");
    expect_silence(f->xs);
    write_text(f, XBT_NULL, "/a", "x");
    expect_event(f->xs, "/a", "1");
    expect_event(f->xs, "/a", "2");
    expect_event(other, "/a", "1");
    xs_close(other);
}

/*
 * Transactions
 */

static xs_transaction_t begin(Fixture *f)
{
    xs_transaction_t tx = xs_transaction_start(f->xs);

    g_assert_cmpuint(tx, !=, XBT_NULL);
    return tx;
}

static void expect_conflict(Fixture *f, xs_transaction_t tx)
{
    g_assert_false(xs_transaction_end(f->xs, tx, false));
    g_assert_cmpint(errno, ==, EAGAIN);
    g_assert_cmpuint(xensim_store_transactions(f->store), ==, 0);
}

static void test_commit(Fixture *f, const void *data)
{
    xs_transaction_t tx;

    (void)data;
    write_text(f, XBT_NULL, "/a/old", "1");
    g_assert_true(xs_watch(f->xs, "/a", "token"));
    expect_event(f->xs, "/a", "token");
    tx = begin(f);
    write_text(f, tx, "/a/new", "1");
    write_text(f, tx, "/a/new", "2");
    g_assert_true(xs_rm(f->xs, tx, "/a/old"));
    expect_text(f, tx, "/a/new", "2");
    expect_text(f, tx, "/a/old", NULL);
    expect_text(f, XBT_NULL, "/a/new", NULL);
    expect_seen(f, "/a/old", "1");
    expect_silence(f->xs);
    g_assert_true(xs_transaction_end(f->xs, tx, false));
    expect_list(f, "/a", "new");
    expect_seen(f, "/a/new", "2");
    expect_event(f->xs, "/a/new", "token");
    expect_event(f->xs, "/a/new", "token");
    expect_event(f->xs, "/a/old", "token");
    expect_silence(f->xs);
}

static void test_abort(Fixture *f, const void *data)
{
    xs_transaction_t tx = begin(f);

    (void)data;
    write_text(f, tx, "/a", "1");
    g_assert_cmpuint(xensim_store_transactions(f->store), ==, 1);
    g_assert_true(xs_transaction_end(f->xs, tx, true));
    g_assert_cmpuint(xensim_store_transactions(f->store), ==, 0);
    expect_text(f, XBT_NULL, "/a", NULL);
    g_assert_false(xs_transaction_end(f->xs, tx, false));
    g_assert_cmpint(errno, ==, ENOENT);
}

static void test_conflict_write(Fixture *f, const void *data)
{
    xs_transaction_t tx;

    (void)data;
    write_text(f, XBT_NULL, "/a", "1");
    tx = begin(f);
    expect_text(f, tx, "/a", "1");
    write_text(f, tx, "/b", "1");
    xensim_store_printf(f->store, 0, "/a", "1");
    expect_conflict(f, tx);
    expect_text(f, XBT_NULL, "/b", NULL);
}

static void test_conflict_create(Fixture *f, const void *data)
{
    xs_transaction_t tx = begin(f);

    (void)data;
    expect_text(f, tx, "/a", NULL);
    write_text(f, XBT_NULL, "/a", "1");
    expect_conflict(f, tx);
}

static void test_conflict_list(Fixture *f, const void *data)
{
    xs_transaction_t tx;

    (void)data;
    write_text(f, XBT_NULL, "/a/b", "1");
    tx = begin(f);
    free(xs_directory(f->xs, tx, "/a", &(unsigned int) { 0 }));
    xensim_store_remove(f->store, 0, "/a/b");
    expect_conflict(f, tx);
}

static void test_no_conflict(Fixture *f, const void *data)
{
    xs_transaction_t one, two;

    (void)data;
    write_text(f, XBT_NULL, "/a", "1");
    write_text(f, XBT_NULL, "/b", "1");
    one = begin(f);
    two = begin(f);
    write_text(f, one, "/a", "2");
    write_text(f, two, "/b", "2");
    write_text(f, XBT_NULL, "/c", "2");
    g_assert_true(xs_transaction_end(f->xs, one, false));
    g_assert_true(xs_transaction_end(f->xs, two, false));
    expect_seen(f, "/a", "2");
    expect_seen(f, "/b", "2");
    expect_seen(f, "/c", "2");
}

/*
 * Faults, counters, the end
 */

static void test_fault(Fixture *f, const void *data)
{
    uint64_t count;

    (void)data;
    write_text(f, XBT_NULL, "/a", "1");
    count = xensim_count(f->sim, XENSIM_OP_STORE);
    xensim_fail(f->sim, XENSIM_OP_STORE, 1, 2);
    expect_text(f, XBT_NULL, "/a", "1");
    g_assert_null(xs_read(f->xs, XBT_NULL, "/a", NULL));
    g_assert_cmpint(errno, ==, EIO);
    g_assert_false(xs_write(f->xs, XBT_NULL, "/a", "2", 1));
    g_assert_cmpint(errno, ==, EIO);
    expect_text(f, XBT_NULL, "/a", "1");
    g_assert_cmpuint(xensim_count(f->sim, XENSIM_OP_STORE), ==, count + 4);
    /* The test's own requests don't count, and don't fail. */
    xensim_fail(f->sim, XENSIM_OP_STORE, 0, 1);
    xensim_store_printf(f->store, 0, "/a", "2");
    expect_seen(f, "/a", "2");
    xensim_fail(f->sim, XENSIM_OP_STORE, 0, 0);
    expect_text(f, XBT_NULL, "/a", "2");
}

static void test_counters(Fixture *f, const void *data)
{
    struct xs_handle *other = xs_open(0);

    (void)data;
    /* A connection is known for sure once it has been answered. */
    g_assert_true(xs_mkdir(f->xs, XBT_NULL, "/a"));
    g_assert_true(xs_watch(other, "/a", "1"));
    g_assert_true(xs_watch(other, "/a", "2"));
    g_assert_cmpuint(xs_transaction_start(other), !=, XBT_NULL);
    begin(f);
    g_assert_cmpuint(xensim_store_connections(f->store), ==, 2);
    g_assert_cmpuint(xensim_store_watches(f->store), ==, 2);
    g_assert_cmpuint(xensim_store_transactions(f->store), ==, 2);
    g_assert_true(xs_unwatch(other, "/a", "1"));
    g_assert_cmpuint(xensim_store_watches(f->store), ==, 1);
    wait_held(f, "1 watches, 2 transactions, 2 connections to xenstore");
    xs_close(other);
    wait_held(f, "1 transactions, 1 connections to xenstore");
}

static void test_go_away(Fixture *f, const void *data)
{
    (void)data;
    write_text(f, XBT_NULL, "/a", "1");
    g_assert_true(xs_watch(f->xs, "/a", "token"));
    xensim_store_go_away(f->store);
    g_assert_null(xs_read(f->xs, XBT_NULL, "/a", NULL));
    g_assert_false(xs_write(f->xs, XBT_NULL, "/a", "2", 1));
    g_assert_null(xs_open(0));
    wait_held(f, "");
    expect_seen(f, "/a", "1");
}

#define TEST(name, function) \
    g_test_add("/xensim/store/" name, Fixture, NULL, set_up, function, \
               tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("read-write", test_read_write);
    TEST("values", test_values);
    TEST("list", test_list);
    TEST("mkdir", test_mkdir);
    TEST("remove", test_remove);
    TEST("relative", test_relative);
    TEST("invalid", test_invalid);
    TEST("dump", test_dump);
    TEST("wait", test_wait);
    TEST("wait-longer", test_wait_longer);
    TEST("permissions", test_permissions);
    TEST("owner", test_owner);
    TEST("watch", test_watch);
    TEST("watch-remove", test_watch_remove);
    TEST("watch-relative", test_watch_relative);
    TEST("watch-special", test_watch_special);
    TEST("watch-many", test_watch_many);
    TEST("commit", test_commit);
    TEST("abort", test_abort);
    TEST("conflict-write", test_conflict_write);
    TEST("conflict-create", test_conflict_create);
    TEST("conflict-list", test_conflict_list);
    TEST("no-conflict", test_no_conflict);
    TEST("fault", test_fault);
    TEST("counters", test_counters);
    TEST("go-away", test_go_away);
    return g_test_run();
}
