/* log.c: two buffers and one writer thread. Loggers append whole lines to the one that fills. The
 * writer takes it, leaves the other in its place, and writes what it took without holding a lock.
 * So a loop never waits longer than it takes to copy a line or to swap two pointers, however slow
 * the reader of the pipe is. A full buffer drops the newest lines, as the older ones show how the
 * trouble began.
 * Lines in a buffer are lost when a process aborts; a panic therefore writes to standard error
 * itself (system/panic.c).
 *
 * A line is written into the caller's stack. Each field is taken whole or not at all, so that a
 * line that grows too long is still JSON; it then says "cut":true.
 *
 * Invariants: a buffer holds whole lines only; `dropped` counts exactly the lines that will not
 * come. Threading: the mutex guards the buffers' exchange and `closing`; level and dropped are
 * atomics on their own. */
#include "observe/log.h"

#include "base/rfc3339.h"
#include "observe/trace.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TAIL_BYTES = 16,    /* kept free for `,"cut":true}` and the newline */
    POLL_MS = 100,      /* how often a writer that cannot write checks whether it is to end */
    CLOSING_POLLS = 10, /* after this many in vain a closing logger gives up its lines */
};

const char *const log_level_words[] = {"debug", "info", "warn", "error", NULL};

struct logger {
    struct logger_conf conf;
    _Atomic int level;
    _Atomic uint64_t dropped;
    bool threaded;
    pthread_t writer;
    pthread_mutex_t mutex;
    pthread_cond_t more;
    _Atomic bool closing;
    size_t filled;
    char *filling;
    char *writing; /* the writer's own */
};

/* ---- the writer ---- */

/* False if the reader is gone, or takes nothing while the logger is being closed. */
static bool wait_writable(const struct logger *logger)
{
    for (unsigned vain = 0; vain < CLOSING_POLLS;) {
        struct pollfd poll_fd = {.fd = logger->conf.fd, .events = POLLOUT};
        int rc = poll(&poll_fd, 1, POLL_MS);
        if (rc > 0)
            return (poll_fd.revents & POLLOUT) != 0;
        if (rc < 0 && errno != EINTR)
            return false;
        /* acquire: partner of the release in logger_destroy() */
        if (atomic_load_explicit(&logger->closing, memory_order_acquire))
            vain++;
    }
    return false;
}

/* Returns how many bytes at the end could not be written. */
static size_t write_out(struct logger *logger, const char *bytes, size_t len)
{
    while (len > 0 && wait_writable(logger)) {
        /* A pipe that says it is writable takes this much without blocking. */
        ssize_t sent = write(logger->conf.fd, bytes, len < PIPE_BUF ? len : PIPE_BUF);
        if (sent < 0 && errno != EINTR && errno != EAGAIN)
            break; /* the reader is gone, or the disk is full */
        if (sent > 0) {
            bytes += sent;
            len -= (size_t)sent;
        }
    }
    return len;
}

static struct span finish(struct log_line *line)
{
    line->text.cap = sizeof(line->memory);
    if (line->cut)
        json_member_bool(&line->text, "cut", true);
    json_close(&line->text, '}');
    text_char(&line->text, '\n');
    assert(!line->text.overflown);
    return text_span(&line->text);
}

static void *write_lines(void *arg)
{
    struct logger *logger = arg;
    uint64_t reported = 0;
    pthread_mutex_lock(&logger->mutex);
    for (;;) {
        bool closing = atomic_load_explicit(&logger->closing, memory_order_relaxed);
        if (logger->filled == 0 && closing)
            break;
        if (logger->filled == 0) {
            pthread_cond_wait(&logger->more, &logger->mutex);
            continue;
        }
        char *taken = logger->filling;
        size_t len = logger->filled;
        logger->filling = logger->writing;
        logger->writing = taken;
        logger->filled = 0;
        pthread_mutex_unlock(&logger->mutex);
        /* Reported with the batch after the loss: the buffer that overflowed is that batch. */
        uint64_t dropped = atomic_load_explicit(&logger->dropped, memory_order_relaxed);
        if (dropped != reported) {
            struct log_line line;
            log_begin(&line, logger, LOG_LEVEL_ERROR,
                      "log lines were dropped: the reader is too slow or the disk full");
            assert(line.logger != NULL); /* errors are of every level */
            log_u64(&line, "dropped", dropped - reported);
            log_u64(&line, "dropped_total", dropped);
            assert(dropped > reported); /* it only rises */
            struct span whole = finish(&line);
            if (write_out(logger, whole.ptr, whole.len) == 0)
                reported = dropped;
        }
        size_t left = write_out(logger, taken, len);
        /* A line is lost if its end is. */
        const char *bytes = taken + len - left;
        uint64_t lost = 0;
        for (size_t i = 0; i < left; i++)
            lost += bytes[i] == '\n';
        /* relaxed: a number for people, read by itself */
        atomic_fetch_add_explicit(&logger->dropped, lost, memory_order_relaxed);
        pthread_mutex_lock(&logger->mutex);
    }
    pthread_mutex_unlock(&logger->mutex);
    return NULL;
}

/* ---- a logger's life ---- */

int logger_create(const struct logger_conf *conf, struct err_slot *err, struct logger **out)
{
    assert(conf->service != NULL);
    struct logger *logger = calloc(1, sizeof(*logger));
    if (logger == NULL)
        return err_set(err, ERR_NOMEM, "logger of %zu bytes", sizeof(*logger));
    logger->conf = *conf;
    if (logger->conf.clock == NULL)
        logger->conf.clock = clock_system();
    atomic_init(&logger->level, (int)conf->level);
    if (conf->sink != NULL) {
        *out = logger;
        return 0;
    }

    int rc = ERR_NOMEM;
    logger->threaded = true;
    pthread_mutex_init(&logger->mutex, NULL);
    pthread_cond_init(&logger->more, NULL);
    logger->filling = malloc(LOG_BUFFER_BYTES);
    logger->writing = malloc(LOG_BUFFER_BYTES);
    if (logger->filling == NULL || logger->writing == NULL) {
        err_set(err, ERR_NOMEM, "log buffers of %d bytes", LOG_BUFFER_BYTES);
        goto free_logger;
    }
    /* The writer takes no signals: one for a reader that is gone would end the process. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int why = pthread_create(&logger->writer, NULL, write_lines, logger);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (why != 0) {
        rc = err_set(err, ERR_IO, "starting the log's writer: %s", strerror(why));
        goto free_logger;
    }
    *out = logger;
    return 0;

free_logger:
    free(logger->filling);
    free(logger->writing);
    pthread_cond_destroy(&logger->more);
    pthread_mutex_destroy(&logger->mutex);
    free(logger);
    return rc;
}

void logger_set_level(struct logger *logger, enum log_level level)
{
    /* relaxed: a line more or less of the old level does no harm */
    atomic_store_explicit(&logger->level, (int)level, memory_order_relaxed);
}

const _Atomic uint64_t *logger_dropped(const struct logger *logger)
{
    return &logger->dropped;
}

void logger_destroy(struct logger *logger)
{
    if (logger == NULL)
        return;
    if (logger->threaded) {
        pthread_mutex_lock(&logger->mutex);
        /* release: wait_writable(), which holds no mutex, sees it too */
        atomic_store_explicit(&logger->closing, true, memory_order_release);
        pthread_cond_signal(&logger->more);
        pthread_mutex_unlock(&logger->mutex);
        pthread_join(logger->writer, NULL);
        free(logger->filling);
        free(logger->writing);
        pthread_cond_destroy(&logger->more);
        pthread_mutex_destroy(&logger->mutex);
    }
    free(logger);
}

/* ---- a line ---- */

/* Begins a field; keep_field() removes it again if it did not fit. */
static struct text begin_field(struct log_line *line, const char *key)
{
    assert(!line->text.overflown); /* otherwise the previous field was not finished */
    struct text before = line->text;
    json_key(&line->text, key);
    return before;
}

static void keep_field(struct log_line *line, struct text before)
{
    if (!line->text.overflown)
        return;
    assert(!before.overflown);
    line->text = before;
    line->cut = true;
}

void log_begin(struct log_line *line, struct logger *logger, enum log_level level, const char *msg)
{
    line->logger = NULL;
    if (logger == NULL || (int)level < atomic_load_explicit(&logger->level, memory_order_relaxed))
        return;
    line->logger = logger;
    line->cut = false;
    line->text = text_on(line->memory, sizeof(line->memory) - TAIL_BYTES);
    json_open(&line->text, '{');
    json_key(&line->text, "ts");
    text_char(&line->text, '"');
    rfc3339_put(&line->text, clock_wall_us(logger->conf.clock) / 1000);
    text_char(&line->text, '"');
    line->text.comma = true;
    json_member_cstr(&line->text, "level", log_level_words[level]);
    json_member_cstr(&line->text, "service", logger->conf.service);
    assert(!line->text.overflown);
    log_cstr(line, "msg", msg);
}

void log_str(struct log_line *line, const char *key, struct span value)
{
    if (line->logger == NULL)
        return;
    struct text before = begin_field(line, key);
    json_str(&line->text, value);
    keep_field(line, before);
}

void log_cstr(struct log_line *line, const char *key, const char *value)
{
    log_str(line, key, span_of(value));
}

void log_u64(struct log_line *line, const char *key, uint64_t value)
{
    if (line->logger == NULL)
        return;
    struct text before = begin_field(line, key);
    json_u64(&line->text, value);
    keep_field(line, before);
}

void log_bool(struct log_line *line, const char *key, bool value)
{
    if (line->logger == NULL)
        return;
    struct text before = begin_field(line, key);
    json_bool(&line->text, value);
    keep_field(line, before);
}

void log_err(struct log_line *line, const struct err_slot *err)
{
    log_cstr(line, "code", err_name(err->code));
    log_cstr(line, "error", err->text);
}

void log_trace(struct log_line *line, const struct trace *trace)
{
    if (line->logger == NULL || trace == NULL)
        return;
    struct text before = begin_field(line, "traceparent");
    text_char(&line->text, '"');
    trace_put(&line->text, trace);
    text_char(&line->text, '"');
    line->text.comma = true;
    keep_field(line, before);
}

void log_end(struct log_line *line)
{
    if (line->logger == NULL)
        return;
    struct span whole = finish(line);
    assert(whole.len <= LOG_LINE_MAX);
    struct logger *logger = line->logger;
    line->logger = NULL;
    if (logger->conf.sink != NULL)
        logger->conf.sink(logger->conf.sink_ctx, whole);
    else {
        pthread_mutex_lock(&logger->mutex);
        assert(logger->filled <= LOG_BUFFER_BYTES);
        assert(whole.len > 0 && whole.ptr[whole.len - 1] == '\n'); /* whole lines only */
        bool fits = whole.len <= LOG_BUFFER_BYTES - logger->filled;
        if (fits) {
            memcpy(logger->filling + logger->filled, whole.ptr, whole.len);
            logger->filled += whole.len;
            if (logger->filled == whole.len)
                pthread_cond_signal(&logger->more);
        } else {
            /* relaxed: a number for people, read by itself */
            atomic_fetch_add_explicit(&logger->dropped, 1, memory_order_relaxed);
        }
        pthread_mutex_unlock(&logger->mutex);
    }
}

void log_say(struct logger *logger, enum log_level level, const char *msg)
{
    struct log_line line;
    log_begin(&line, logger, level, msg);
    log_end(&line);
}

void log_text(struct logger *logger, enum log_level level, const char *msg, const char *key,
              const char *value)
{
    struct log_line line;
    log_begin(&line, logger, level, msg);
    log_cstr(&line, key, value);
    log_end(&line);
}

void log_failure(struct logger *logger, const char *msg, const struct err_slot *err)
{
    struct log_line line;
    log_begin(&line, logger, LOG_LEVEL_ERROR, msg);
    log_err(&line, err);
    log_end(&line);
}
