/* log_test.c: each line is JSON, and a reader that stops reading does not block the program. */
#include "unit.h"

#include "observe/log.h"
#include "observe/trace.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <unistd.h>

static struct logger *logger; /* of each test; ends with it */

/* A logger that keeps its last line in memory. */
static struct {
    struct clock_fake clock;
    char line[LOG_LINE_MAX + 1];
    unsigned lines;
} caught;

static void catch_line(void *ctx, struct span line)
{
    (void)ctx;
    assert_true(span_to_cstr(line, caught.line, sizeof(caught.line)));
    caught.lines++;
}

static void open_catching(void)
{
    clock_fake_init(&caught.clock, 1795159953123000);
    struct logger_conf conf = {.service = "front",
                               .level = LOG_LEVEL_INFO,
                               .clock = &caught.clock.clock,
                               .sink = catch_line};
    caught.lines = 0;
    assert_int_equal(0, logger_create(&conf, NULL, &logger));
}

static void open_on(int fd)
{
    struct logger_conf conf = {.service = "t", .level = LOG_LEVEL_INFO, .fd = fd};
    assert_int_equal(0, logger_create(&conf, NULL, &logger));
}

static void end(void)
{
    logger_destroy(logger);
    logger = NULL;
}

UNIT_BETWEEN(NULL, end)

TEST_CASE(a_line_carries_its_fields_in_order)
{
    open_catching();
    struct err_slot err;
    struct trace trace;
    err_set(&err, ERR_TIMEOUT, "redis did not answer");
    trace_parse(SPAN("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), &trace);
    struct log_line line;
    log_begin(&line, logger, LOG_LEVEL_WARN, "tick lost");
    log_trace(&line, &trace);
    log_trace(&line, NULL);
    log_u64(&line, "n", 3);
    log_bool(&line, "stale", true);
    log_err(&line, &err);
    log_end(&line);
    assert_string_equal(
        "{\"ts\":\"2026-11-20T07:32:33.123Z\",\"level\":\"warn\",\"service\":\"front\","
        "\"msg\":\"tick lost\","
        "\"traceparent\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\","
        "\"n\":3,\"stale\":true,\"code\":\"timeout\","
        "\"error\":\"redis did not answer\"}\n",
        caught.line);
}

TEST_CASE(a_value_cannot_begin_a_line_or_a_field)
{
    open_catching();
    struct log_line line;
    log_begin(&line, logger, LOG_LEVEL_INFO, "who");
    log_str(&line, "agent", SPAN("x\"}\n{\"level\":\"error\",\"msg\":\"forged\r\n\x1b[2J"));
    log_end(&line);
    assert_null(strchr(caught.line, '\x1b'));
    assert_ptr_equal(caught.line + strlen(caught.line) - 1, strchr(caught.line, '\n'));
    json_t *doc = json_loads(caught.line, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(doc);
    assert_string_equal("who", json_string_value(json_object_get(doc, "msg")));
    assert_string_equal("x\"}\n{\"level\":\"error\",\"msg\":\"forged\r\n\x1b[2J",
                        json_string_value(json_object_get(doc, "agent")));
    json_decref(doc);
}

TEST_CASE(the_level_can_be_changed_while_running)
{
    open_catching();
    log_say(logger, LOG_LEVEL_DEBUG, "a");
    assert_int_equal(0, caught.lines);
    logger_set_level(logger, LOG_LEVEL_DEBUG);
    log_say(logger, LOG_LEVEL_DEBUG, "b");
    assert_int_equal(1, caught.lines);
    logger_set_level(logger, LOG_LEVEL_ERROR);
    log_say(logger, LOG_LEVEL_WARN, "c");
    assert_int_equal(1, caught.lines);
    log_say(NULL, LOG_LEVEL_ERROR, "without a logger");
    logger_destroy(NULL);
}

TEST_CASE(a_line_that_grows_too_long_loses_fields_and_stays_json)
{
    open_catching();
    enum { BYTES_FIRST = 1800, BYTES_LAST = 2100, BYTES_OF_ESCAPE = 6 };
    for (size_t n = 0; n < 2 * (BYTES_LAST - BYTES_FIRST); n++) {
        size_t escapes = n % 2 == 0 ? 0 : 300;
        size_t len = BYTES_FIRST + n / 2 - (BYTES_OF_ESCAPE - 1) * escapes;
        char value[BYTES_LAST];
        memset(value, 'v', len);
        memset(value, '\1', escapes);
        struct log_line line;
        log_begin(&line, logger, LOG_LEVEL_INFO, "long");
        log_str(&line, "first", (struct span){value, len});
        log_u64(&line, "second", 1234567890123);
        log_bool(&line, "third", true);
        log_end(&line);
        json_t *doc = json_loads(caught.line, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(doc);
        bool whole = json_object_get(doc, "first") != NULL &&
                     json_object_get(doc, "second") != NULL &&
                     json_object_get(doc, "third") != NULL;
        assert_true(whole == (json_object_get(doc, "cut") == NULL));
        json_decref(doc);
    }
}

enum { THREADS = 4, LINES_EACH = 3000 };

static void *log_many(void *unused)
{
    for (unsigned i = 0; i < LINES_EACH; i++) {
        struct log_line line;
        log_begin(&line, logger, LOG_LEVEL_INFO, "one of many");
        log_u64(&line, "i", i);
        log_end(&line);
    }
    return unused;
}

struct reader {
    FILE *file;
    uint64_t lines, lost; /* complete lines, and reported losses */
};

/* Reads to the end, or to the first loss. */
static void count_lines(struct reader *reader, bool to_a_loss)
{
    char line[LOG_LINE_MAX + 1];
    while (fgets(line, sizeof(line), reader->file) != NULL) {
        json_t *doc = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (doc == NULL)
            fail_msg("no JSON: %s", line);
        uint64_t dropped = (uint64_t)json_integer_value(json_object_get(doc, "dropped"));
        json_decref(doc);
        reader->lost += dropped;
        reader->lines += dropped == 0;
        if (to_a_loss && dropped > 0)
            return;
    }
}

TEST_CASE(lines_of_several_threads_do_not_mix)
{
    struct reader reader = {.file = tmpfile()};
    open_on(fileno(reader.file));
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(0, pthread_create(&threads[i], NULL, log_many, NULL));
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    uint64_t dropped = *logger_dropped(logger);
    end();
    rewind(reader.file);
    count_lines(&reader, false);
    assert_int_equal(THREADS * LINES_EACH, reader.lines + dropped);
    fclose(reader.file);
}

static void *read_to_the_end(void *reader)
{
    count_lines(reader, false);
    return NULL;
}

/* The reader does not read: a blocking logger would hang here. */
static uint64_t log_until_dropped(uint64_t dropped)
{
    uint64_t logged = 0;
    for (; *logger_dropped(logger) < dropped; logged++)
        log_say(logger, LOG_LEVEL_INFO, "into a full pipe");
    return logged;
}

TEST_CASE(a_full_pipe_does_not_block_and_each_loss_is_reported_once)
{
    int fds[2];
    assert_int_equal(0, pipe(fds));
    open_on(fds[1]);

    struct reader reader = {.file = fdopen(fds[0], "r")};
    uint64_t logged = log_until_dropped(100);
    while (reader.lost < 100)
        count_lines(&reader, true);
    assert_int_equal(100, reader.lost);
    logged += log_until_dropped(250);
    pthread_t thread;
    assert_int_equal(0, pthread_create(&thread, NULL, read_to_the_end, &reader));
    end();
    close(fds[1]);
    pthread_join(thread, NULL);
    assert_int_equal(250, reader.lost);
    assert_int_equal(logged, reader.lines + reader.lost);
    fclose(reader.file);
}

/* A hang is ended by run-unit's time limit. */
TEST_CASE(a_stuck_or_closed_reader_does_not_delay_the_end)
{
    for (int gone = 0; gone < 2; gone++) {
        int fds[2];
        assert_int_equal(0, pipe(fds));
        open_on(fds[1]);
        if (gone) {
            close(fds[0]);
            log_many(NULL);
        } else {
            log_until_dropped(1);
        }
        end();
        if (!gone)
            close(fds[0]);
        close(fds[1]);
    }
}

TEST_CASE(lines_that_a_full_disk_refuses_are_counted)
{
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);
    open_on(full);
    for (unsigned i = 0; i < 3; i++)
        log_say(logger, LOG_LEVEL_INFO, "onto a full disk");
    while (*logger_dropped(logger) < 3) /* run-unit's time limit ends a hang */
        sched_yield();
    assert_int_equal(3, *logger_dropped(logger));
    end();
    close(full);
}
