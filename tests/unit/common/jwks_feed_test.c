/* jwks_feed_test.c: key sets in a file that is replaced at any time. (Feeds from a URL are tested
 * with the real services.) */
#include "unit.h"

#include "outcall/jwks_feed.h"

#include <sys/stat.h>
#include <unistd.h>

enum { SETS = 2, ROUNDS = 100, REFRESH_MS = 600000, RETRY_MAX_MS = 60000 };

static struct office {
    uv_loop_t loop;
    struct jwks *sets[SETS];
    const struct jwks_key *own[SETS];
    char path[64], next[80];
    struct jwks_feed *feed;
    unsigned firsts;
    bool closes_at_first;
} office;

static void publish(const char *bytes, size_t len)
{
    FILE *file = fopen(office.next, "w");
    assert_int_equal(len, fwrite(bytes, 1, len, file));
    fclose(file);
    assert_int_equal(0, rename(office.next, office.path));
}

static void publish_set(unsigned nth)
{
    char memory[JWKS_TEXT_MAX];
    struct text text = text_on(memory, sizeof(memory));
    jwks_put(&text, office.sets[nth]);
    publish(text.ptr, text.len);
}

static void until_generation(uint64_t generation)
{
    while (jwks_feed_generation(office.feed) < generation) {
        jwks_feed_doubt(office.feed);
        uv_run(&office.loop, UV_RUN_ONCE);
    }
    assert_int_equal(generation, jwks_feed_generation(office.feed));
}

/* One read of the file, with any result. */
static void look(void)
{
    const struct jwks_feed_stats *stats = jwks_feed_stats(office.feed);
    uint64_t before = atomic_load(&stats->fetched) + atomic_load(&stats->failed);
    while (atomic_load(&stats->fetched) + atomic_load(&stats->failed) == before) {
        jwks_feed_doubt(office.feed);
        uv_run(&office.loop, UV_RUN_ONCE);
    }
}

static void on_first(void *ctx)
{
    (void)ctx;
    office.firsts++;
    if (!office.closes_at_first)
        return;
    jwks_feed_close(office.feed);
    office.feed = NULL;
}

/* Opens a feed whose file has a first set that was not read yet. */
static void open_door(void)
{
    struct err_slot err;
    office = (struct office){.firsts = 0};
    uv_loop_init(&office.loop);
    strcpy(office.path, "/tmp/fg-keys-XXXXXX");
    close(mkstemp(office.path));
    snprintf(office.next, sizeof(office.next), "%s.next", office.path);
    for (unsigned i = 0; i < SETS; i++) {
        struct jwks_key *key;
        assert_int_equal(0, jwks_key_generate(&err, &key));
        assert_int_equal(0, jwks_create(&err, &office.sets[i]));
        assert_int_equal(0, jwks_add(office.sets[i], key, &err));
        office.own[i] = key;
    }
    publish_set(0);
    const struct jwks_feed_conf conf = {.whose = "a test's",
                                        .file = office.path,
                                        .refresh_ms = REFRESH_MS,
                                        .loop = &office.loop,
                                        .clock = clock_system(),
                                        .rng = rng_system(),
                                        .on_first = on_first,
                                        .ctx = NULL};
    assert_int_equal(0, jwks_feed_create(&conf, &err, &office.feed));
    assert_null(jwks_feed_keys(office.feed));
}

static void open_office(void)
{
    open_door();
    until_generation(1);
}

static void close_office(void)
{
    jwks_feed_close(office.feed);
    uv_run(&office.loop, UV_RUN_DEFAULT);
    assert_int_equal(0, uv_loop_close(&office.loop));
    assert_int_equal(1, office.firsts);
    for (unsigned i = 0; i < SETS; i++)
        jwks_destroy(office.sets[i]);
    unlink(office.path);
}

UNIT_BETWEEN(open_office, close_office)

static bool knows(unsigned nth)
{
    return jwks_find(jwks_feed_keys(office.feed), jwks_key_kid(office.own[nth])) != NULL;
}

/* Two fronts serve different sets in turns, as in a slow rotation. */
TEST_CASE(sets_may_alternate)
{
    for (unsigned round = 1; round <= ROUNDS; round++) {
        publish_set(round % SETS);
        until_generation(round + 1);
        assert_true(knows(round % SETS));
        assert_false(knows((round + 1) % SETS));
    }
}

TEST_CASE(the_same_set_is_not_a_new_generation)
{
    const struct jwks *set = jwks_feed_keys(office.feed);
    publish_set(0);
    look();
    assert_ptr_equal(set, jwks_feed_keys(office.feed));
    assert_int_equal(1, jwks_feed_generation(office.feed));
}

TEST_CASE(an_invalid_set_changes_nothing)
{
    char *book = calloc(1, 64 * 1024);
    publish("<html>", 6);
    look();
    publish("", 0);
    look();
    memset(book, ' ', 64 * 1024);
    publish(book, 64 * 1024);
    look();
    unlink(office.path);
    look();
    assert_int_equal(4, atomic_load(&jwks_feed_stats(office.feed)->failed));
    assert_true(knows(0));
    assert_int_equal(1, jwks_feed_generation(office.feed));
    publish_set(1);
    until_generation(2);
    assert_true(knows(1));
    free(book);
}

TEST_CASE(a_feed_may_be_closed_while_it_reads)
{
    assert_true(jwks_feed_doubt(office.feed)); /* reads now */
}

/* Its own outgoing calls end with it. */
TEST_CASE(a_feed_may_be_closed_while_it_fetches)
{
    struct err_slot err;
    struct jwks_feed *feed;
    const struct jwks_feed_conf conf = {.whose = "a test's",
                                        .url = "http://127.0.0.1:1/",
                                        .refresh_ms = REFRESH_MS,
                                        .loop = &office.loop,
                                        .clock = clock_system(),
                                        .rng = rng_system()};
    assert_int_equal(0, jwks_feed_create(&conf, &err, &feed));
    assert_true(jwks_feed_doubt(feed)); /* a call is under way */
    jwks_feed_close(feed);
}

TEST_CASE(a_feed_may_be_closed_by_its_first_set)
{
    close_office();
    open_door();
    office.closes_at_first = true;
    uv_run(&office.loop, UV_RUN_DEFAULT); /* ends, as only the feed is on the loop */
}

/* A pipe without a writer: a read to its end would never return. */
TEST_CASE(a_pipe_instead_of_a_file_does_not_block)
{
    unlink(office.path);
    assert_int_equal(0, mkfifo(office.path, 0600));
    alarm(10);
    look();
    assert_int_equal(1, atomic_load(&jwks_feed_stats(office.feed)->failed));
    assert_true(knows(0));
    alarm(0);
}

/* Also where a set that was read is only refreshed every ten minutes. */
TEST_CASE(a_failed_read_is_repeated_within_a_minute)
{
    unlink(office.path);
    for (unsigned i = 0; i < 15; i++) {
        look();
        assert_in_range(uv_backend_timeout(&office.loop), 1, RETRY_MAX_MS);
    }
}
