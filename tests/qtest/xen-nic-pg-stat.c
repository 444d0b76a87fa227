/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-nic-pg-stat, the operator's tool, on a QEMU with a vif
 *
 * It finds the QEMU by itself in the folder where its socket is, shows what
 * QEMU has counted, and tells from one sample to the next what came about.
 * How it takes what no QEMU should say is tested beside it (tools/tests).
 */

#include "vif-test.h"

#define TOOL TOOLS "/xen-nic-pg-stat"
#define FRAME 100

/* The tool's exit statuses */
enum {
    FOUND,
    NONE_FOUND,
};

/*
 * The tool
 */

/* @args: what follows on the command line, ended by NULL */
static GSubprocess *start_tool(VifTest *test, const char *const *args)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) argv = NULL;
    GSubprocess *tool;

    g_strv_builder_add_many(builder, TOOL, "--directory",
                            xensim_folder(test->sim), "--timeout", "30", NULL);
    g_strv_builder_addv(builder, (const char **)args);
    argv = g_strv_builder_end(builder);
    tool = g_subprocess_newv((const char *const *)argv,
                             G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);
    if (!tool) {
        g_error(TOOL ": %s", error->message);
    }
    return tool;
}

/* Run the tool to its end.  Returns what it has printed. */
static char *run_tool(VifTest *test, int status, const char *const *args)
{
    g_autoptr(GSubprocess) tool = start_tool(test, args);
    char *text;

    g_assert_true(g_subprocess_communicate_utf8(tool, NULL, NULL, &text, NULL,
                                                NULL));
    g_assert_true(g_subprocess_get_if_exited(tool));
    g_assert_cmpint(g_subprocess_get_exit_status(tool), ==, status);
    return text;
}

static JsonNode *parse_sample(const char *text)
{
    g_autoptr(GError) error = NULL;
    JsonNode *sample = json_from_string(text, &error);

    if (!sample) {
        g_error("%s: %s", text, error->message);
    }
    return sample;
}

/* Returns the vifs of a sample that has no notes. */
static JsonArray *get_vifs(JsonNode *sample)
{
    JsonObject *object = json_node_get_object(sample);
    JsonArray *notes = json_object_get_array_member(object, "notes");

    g_assert_cmpuint(json_array_get_length(notes), ==, 0);
    return json_object_get_array_member(object, "vifs");
}

/* Returns a sample's only vif, which is the test's. */
static JsonObject *get_vif(JsonNode *sample)
{
    JsonArray *vifs = get_vifs(sample);
    JsonObject *vif;

    g_assert_cmpuint(json_array_get_length(vifs), ==, 1);
    vif = json_array_get_object_element(vifs, 0);
    g_assert_cmpint(json_object_get_int_member(vif, "domid"), ==,
                    VIF_TEST_DOMID);
    g_assert_cmpint(json_object_get_int_member(vif, "devid"), ==,
                    VIF_TEST_HANDLE);
    return vif;
}

static JsonNode *take_sample(VifTest *test, int status,
                             const char *const *args)
{
    g_autofree char *text = run_tool(test, status, args);

    return parse_sample(text);
}

/* Returns the next sample of a tool that goes on. */
static JsonNode *read_sample(GDataInputStream *in)
{
    g_autofree char *line = g_data_input_stream_read_line(in, NULL, NULL,
                                                          NULL);

    g_assert_nonnull(line);
    return parse_sample(line);
}

static GSubprocess *start_live(VifTest *test, GDataInputStream **in)
{
    GSubprocess *tool = start_tool(test, (const char *const[]) {
        "--json", "--interval", "0.01", NULL });

    *in = g_data_input_stream_new(g_subprocess_get_stdout_pipe(tool));
    return tool;
}

static void end_live(GSubprocess *tool, GDataInputStream *in)
{
    g_subprocess_force_exit(tool);
    g_assert_true(g_subprocess_wait(tool, NULL, NULL));
    g_object_unref(in);
    g_object_unref(tool);
}

/*
 * Traffic
 */

static void send_frames(VifTest *test, unsigned int queue, unsigned int nr)
{
    uint8_t frame[FRAME];
    XensimTxFrame tx = { .data = frame, .len = sizeof(frame) };

    for (unsigned int i = 0; i < nr; i++) {
        vif_test_fill(frame, sizeof(frame));
        g_assert_true(xensim_front_send(test->front, queue, &tx));
        vif_test_expect_sent(test, frame, sizeof(frame));
    }
    g_assert_true(xensim_front_flush_tx(test->front, queue));
}

/*
 * Tests
 */

/* The counters are those that QEMU has, and ratios are made of them. */
static void test_counters(void)
{
    VifTest *test = vif_test_connect_new(GINT_TO_POINTER(true));
    g_autoptr(JsonNode) sample = NULL, stats = NULL;
    double hits, copies;
    JsonObject *tx;

    vif_test_works(test);
    send_frames(test, 0, 4);
    sample = take_sample(test, FOUND, (const char *const[]) {
        "--json", "--once", "7.0", NULL });
    stats = vif_test_stats(test);
    g_assert_true(json_node_equal(
        json_object_get_member(get_vif(sample), "stats"), stats));

    hits = vif_test_counter(test, "tx", "persistent-hits");
    copies = vif_test_counter(test, "tx", "copies");
    tx = json_object_get_object_member(get_vif(sample), "tx");
    g_assert_cmpfloat(hits, >, 0);
    g_assert_cmpfloat(json_object_get_double_member(tx, "hit-ratio"), ==,
                      hits / (hits + copies));
    g_assert_true(json_object_get_null_member(tx, "frames-per-second"));
    vif_test_free(test);
}

/* Before there is a frontend, there are counters, too. */
static void test_not_connected(void)
{
    VifTest *test = vif_test_new(NULL);
    g_autofree char *text = run_tool(test, FOUND, (const char *const[]) {
        "--once", NULL });

    g_assert_true(strstr(text, "\n7.0  tx "));
    g_assert_true(strstr(text, "\n7.0  rx "));
    g_assert_true(strstr(text, "\n7.0  not connected\n"));
    vif_test_connect(test, NULL);
    g_free(text);
    text = run_tool(test, FOUND, (const char *const[]) { "--once", NULL });
    g_assert_false(strstr(text, "not connected"));
    vif_test_free(test);
}

/* What is sent meanwhile is in the samples' rates, once and all of it. */
static void test_rates(void)
{
    VifTest *test = vif_test_connect_new(GINT_TO_POINTER(false));
    g_autoptr(JsonNode) first = NULL;
    const unsigned int nr = 20;
    GDataInputStream *in;
    GSubprocess *tool;
    double frames = 0;

    send_frames(test, 0, 3);
    tool = start_live(test, &in);
    first = read_sample(in);
    g_assert_true(json_object_get_null_member(get_vif(first), "seconds"));
    send_frames(test, 0, nr);
    while (frames < nr - 0.5) {
        g_autoptr(JsonNode) sample = read_sample(in);
        JsonObject *vif = get_vif(sample);
        JsonObject *tx = json_object_get_object_member(vif, "tx");

        frames += json_object_get_double_member(tx, "frames-per-second") *
                  json_object_get_double_member(vif, "seconds");
    }
    g_assert_cmpfloat_with_epsilon(frames, nr, 0.5);
    end_live(tool, in);
    vif_test_free(test);
}

/* Each queue has its own figures. */
static void test_queues(void)
{
    VifTest *test = vif_test_new(&(VifTestOptions) {
        .device = ",max-queues=2" });
    g_autofree char *text = NULL;

    vif_test_connect(test, &(XensimFrontConfig) { .queues = 2 });
    send_frames(test, 0, 1);
    send_frames(test, 1, 2);
    text = run_tool(test, FOUND, (const char *const[]) {
        "--once", "--queues", NULL });
    g_assert_true(g_regex_match_simple(
        "\n7.0 +tx +3 .*\n7.0 +rx .*\n7.0 q0 +tx +1 .*\n7.0 q0 +rx .*"
        "\n7.0 q1 +tx +2 .*\n7.0 q1 +rx .*\n", text, 0, 0));
    vif_test_free(test);
}

/* A vif that isn't wanted isn't shown. */
static void test_filter(void)
{
    VifTest *test = vif_test_new(NULL);

    for (unsigned int i = 0; i < 2; i++) {
        const char *const args[] = { "--json", "--once", i ? "7.1" : "8",
                                     NULL };
        g_autoptr(JsonNode) sample = take_sample(test, NONE_FOUND, args);

        g_assert_cmpuint(json_array_get_length(get_vifs(sample)), ==, 0);
    }
    vif_test_free(test);
}

/* A vif that is removed is in no sample any more. */
static void test_removed(void)
{
    VifTest *test = vif_test_new(NULL);
    GDataInputStream *in;
    GSubprocess *tool = start_live(test, &in);
    g_autoptr(JsonNode) sample = read_sample(in);

    get_vif(sample);
    vif_test_remove(test, true);
    do {
        json_node_unref(sample);
        sample = read_sample(in);
    } while (json_array_get_length(get_vifs(sample)));
    end_live(tool, in);
    vif_test_free(test);
}

/* A QEMU that ends takes its vifs along; the tool goes on. */
static void test_qemu_ends(void)
{
    VifTest *test = vif_test_connect_new(GINT_TO_POINTER(false));
    g_autofree char *text = NULL;
    GDataInputStream *in;
    GSubprocess *tool = start_live(test, &in);
    g_autoptr(JsonNode) sample = read_sample(in);
    JsonArray *vifs;

    get_vif(sample);
    vif_test_end_qemu(test);
    do {
        json_node_unref(sample);
        sample = read_sample(in);
        vifs = json_object_get_array_member(json_node_get_object(sample),
                                            "vifs");
    } while (json_array_get_length(vifs));
    end_live(tool, in);
    text = run_tool(test, NONE_FOUND, (const char *const[]) {
        "--once", NULL });
    g_assert_true(g_str_has_suffix(text, "  no vif\n"));
    vif_test_abandon(test);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stat/counters", test_counters);
    g_test_add_func("/stat/not-connected", test_not_connected);
    g_test_add_func("/stat/rates", test_rates);
    g_test_add_func("/stat/queues", test_queues);
    g_test_add_func("/stat/filter", test_filter);
    g_test_add_func("/stat/removed", test_removed);
    g_test_add_func("/stat/qemu-ends", test_qemu_ends);
    return g_test_run();
}
