/* log_test.c: lines are JSON whatever is put in them, and a reader that takes nothing holds up
 * nobody. */
#include "unit.h"

#include "observe/log.h"
#include "observe/trace.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct caught {
    struct clock_fake clock;
    char line[LOG_LINE_MAX + 1];
    unsigned lines;
};

static void catch_line(void *ctx, struct span line)
{
    struct caught *caught = ctx;
    assert_true(span_to_cstr(line, caught->line, sizeof(caught->line)));
    caught->lines++;
}

static struct logger *logger_to(struct caught *caught)
{
    clock_fake_init(&caught->clock, 1795159953123000);
    struct logger *logger;
    struct logger_conf conf = {.service = "front",
                               .level = LOG_LEVEL_INFO,
                               .clock = &caught->clock.clock,
                               .sink = catch_line,
                               .sink_ctx = caught};
    caught->lines = 0;
    assert_int_equal(0, logger_create(&conf, NULL, &logger));
    return logger;
}

static void a_line_carries_its_fields_in_order(void **state)
{
    (void)state;
    struct caught caught;
    struct logger *logger = logger_to(&caught);
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
    logger_destroy(logger);
}

static void no_value_begins_a_line_or_a_field_of_its_own(void **state)
{
    (void)state;
    struct caught caught;
    struct logger *logger = logger_to(&caught);
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
    logger_destroy(logger);
}

static void the_level_can_be_changed_while_running(void **state)
{
    (void)state;
    struct caught caught;
    struct logger *logger = logger_to(&caught);
    log_say(logger, LOG_LEVEL_DEBUG, "a");
    assert_int_equal(0, caught.lines);
    logger_set_level(logger, LOG_LEVEL_DEBUG);
    log_say(logger, LOG_LEVEL_DEBUG, "b");
    assert_int_equal(1, caught.lines);
    logger_set_level(logger, LOG_LEVEL_ERROR);
    log_say(logger, LOG_LEVEL_WARN, "c");
    assert_int_equal(1, caught.lines);
    logger_destroy(logger);
    log_say(NULL, LOG_LEVEL_ERROR, "nobody listens");
    logger_destroy(NULL);
}

static void a_line_that_grows_too_long_loses_fields_and_stays_json(void **state)
{
    (void)state;
    struct caught caught;
    struct logger *logger = logger_to(&caught);
    for (size_t len = 1800; len < 2100; len++) {
        char value[2100];
        memset(value, '\1', 300); /* six bytes each */
        memset(value, 'v', len);
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
    logger_destroy(logger);
}

enum { THREADS = 4, LINES_EACH = 3000 };

static void *log_many(void *arg)
{
    struct logger *logger = arg;
    for (unsigned i = 0; i < LINES_EACH; i++) {
        struct log_line line;
        log_begin(&line, logger, LOG_LEVEL_INFO, "one of many");
        log_u64(&line, "i", i);
        log_end(&line);
    }
    return NULL;
}

/* Counts whole lines and adds up what the log says was dropped; stops at the end or, if asked, at
 * the first loss that is told. */
static void count_lines(FILE *file, bool to_a_loss, uint64_t *lines, uint64_t *told)
{
    char line[LOG_LINE_MAX + 1];
    while (fgets(line, sizeof(line), file) != NULL) {
        json_t *doc = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (doc == NULL)
            fail_msg("no JSON: %s", line);
        uint64_t dropped = (uint64_t)json_integer_value(json_object_get(doc, "dropped"));
        json_decref(doc);
        *told += dropped;
        *lines += dropped == 0 ? 1 : 0;
        if (to_a_loss && dropped > 0)
            return;
    }
}

static void lines_of_several_threads_do_not_mix(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    struct logger *logger;
    struct logger_conf conf = {.service = "t", .level = LOG_LEVEL_INFO, .fd = fileno(file)};
    assert_int_equal(0, logger_create(&conf, NULL, &logger));
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(0, pthread_create(&threads[i], NULL, log_many, logger));
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    uint64_t dropped = logger_dropped(logger);
    logger_destroy(logger);
    rewind(file);
    uint64_t lines = 0, told = 0;
    count_lines(file, false, &lines, &told);
    assert_int_equal(THREADS * LINES_EACH, lines + dropped);
    fclose(file);
}

struct reader {
    FILE *file;
    uint64_t lines, told;
};

static void *read_to_the_end(void *arg)
{
    struct reader *reader = arg;
    count_lines(reader->file, false, &reader->lines, &reader->told);
    return NULL;
}

/* Nobody reads: this would hang if it could block. */
static uint64_t log_until_dropped(struct logger *logger, uint64_t dropped)
{
    uint64_t logged = 0;
    for (; logger_dropped(logger) < dropped; logged++)
        log_say(logger, LOG_LEVEL_INFO, "into a full pipe");
    return logged;
}

static void a_full_pipe_blocks_nobody_and_each_loss_is_told_once(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(0, pipe(fds));
    struct logger *logger;
    struct logger_conf conf = {.service = "t", .level = LOG_LEVEL_INFO, .fd = fds[1]};
    assert_int_equal(0, logger_create(&conf, NULL, &logger));

    struct reader reader = {.file = fdopen(fds[0], "r")};
    uint64_t logged = log_until_dropped(logger, 100);
    while (reader.told < 100)
        count_lines(reader.file, true, &reader.lines, &reader.told);
    assert_int_equal(100, reader.told);
    logged += log_until_dropped(logger, 250);
    pthread_t thread;
    assert_int_equal(0, pthread_create(&thread, NULL, read_to_the_end, &reader));
    logger_destroy(logger);
    close(fds[1]);
    pthread_join(thread, NULL);
    assert_int_equal(250, reader.told);
    assert_int_equal(logged, reader.lines + reader.told);
    fclose(reader.file);
}

static void a_reader_that_never_reads_does_not_hold_up_the_end(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(0, pipe(fds));
    struct logger *logger;
    struct logger_conf conf = {.service = "t", .level = LOG_LEVEL_INFO, .fd = fds[1]};
    assert_int_equal(0, logger_create(&conf, NULL, &logger));
    while (logger_dropped(logger) == 0)
        log_say(logger, LOG_LEVEL_INFO, "into a full pipe");
    logger_destroy(logger); /* run-unit's time limit would tell */
    close(fds[0]);
    close(fds[1]);
}

static void what_a_full_disk_does_not_take_is_counted(void **state)
{
    (void)state;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);
    struct logger *logger;
    struct logger_conf conf = {.service = "t", .level = LOG_LEVEL_INFO, .fd = full};
    assert_int_equal(0, logger_create(&conf, NULL, &logger));
    for (unsigned i = 0; i < 3; i++)
        log_say(logger, LOG_LEVEL_INFO, "onto a full disk");
    while (logger_dropped(logger) < 3) /* run-unit's time limit would tell */
        sched_yield();
    assert_int_equal(3, logger_dropped(logger));
    logger_destroy(logger);
    close(full);
}

static void a_reader_that_is_gone_does_no_harm(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(0, pipe(fds));
    close(fds[0]);
    struct logger *logger;
    struct logger_conf conf = {.service = "t", .level = LOG_LEVEL_INFO, .fd = fds[1]};
    assert_int_equal(0, logger_create(&conf, NULL, &logger));
    log_many(logger);
    logger_destroy(logger);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_carries_its_fields_in_order),
        cmocka_unit_test(no_value_begins_a_line_or_a_field_of_its_own),
        cmocka_unit_test(the_level_can_be_changed_while_running),
        cmocka_unit_test(a_line_that_grows_too_long_loses_fields_and_stays_json),
        cmocka_unit_test(lines_of_several_threads_do_not_mix),
        cmocka_unit_test(a_full_pipe_blocks_nobody_and_each_loss_is_told_once),
        cmocka_unit_test(a_reader_that_never_reads_does_not_hold_up_the_end),
        cmocka_unit_test(what_a_full_disk_does_not_take_is_counted),
        cmocka_unit_test(a_reader_that_is_gone_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
