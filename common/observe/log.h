/* log.h: one JSON object per line: {"ts","level","service","msg",...fields}.
 *
 * A line is built in memory of its own and handed over; the logger's one thread writes. Lines that
 * do not fit into a full pipe are dropped, counted, and reported once there is room again. Values
 * are escaped. Tokens, cookies and mail addresses do not belong in a log; callers keep them out.
 * Any thread may log and set the level. Create and destroy from one. */
#ifndef FG_OBSERVE_LOG_H
#define FG_OBSERVE_LOG_H

#include "base/clock.h"
#include "base/err.h"
#include "base/span.h"
#include "base/text.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

extern const char *const log_level_words[]; /* ended by NULL: for CONFIG_WORD */

enum {
    LOG_LINE_MAX = 2048,        /* a longer line loses the fields that do not fit */
    LOG_BUFFER_BYTES = 1 << 20, /* room for lines that wait for the writer: about 5,000 */
};

struct logger;
struct trace;

struct logger_conf {
    const char *service; /* borrowed until logger_destroy() */
    enum log_level level;
    int fd;                    /* borrowed; where lines go, usually 2 */
    const struct clock *clock; /* NULL: clock_system() */
    /* If set, each line is passed here at once, on the logging thread, and no thread is started:
     * for tests. */
    void (*sink)(void *ctx, struct span line);
    void *sink_ctx;
};

int logger_create(const struct logger_conf *conf, struct err_slot *err, struct logger **out);
void logger_set_level(struct logger *logger, enum log_level level);
const _Atomic uint64_t *logger_dropped(const struct logger *logger);
/* Writes the rest (waiting at most a second for a stuck reader), then frees. */
void logger_destroy(struct logger *logger);

/* Open so that it can be on a stack; its fields are log.c's. */
struct log_line {
    struct logger *logger; /* NULL: below the level, nothing is built */
    bool cut;
    struct text text;
    char memory[LOG_LINE_MAX];
};

/* `logger` may be NULL: nothing is logged. Keys are literals of the program. */
void log_begin(struct log_line *line, struct logger *logger, enum log_level level, const char *msg);
void log_str(struct log_line *line, const char *key, struct span value);
void log_cstr(struct log_line *line, const char *key, const char *value);
void log_u64(struct log_line *line, const char *key, uint64_t value);
void log_bool(struct log_line *line, const char *key, bool value);
void log_err(struct log_line *line, const struct err_slot *err);  /* "code", "error" */
void log_trace(struct log_line *line, const struct trace *trace); /* "traceparent"; or NULL */
void log_end(struct log_line *line);

/* A line without fields, one with a text, and one with an error. */
void log_say(struct logger *logger, enum log_level level, const char *msg);
void log_text(struct logger *logger, enum log_level level, const char *msg, const char *key,
              const char *value);
void log_failure(struct logger *logger, const char *msg, const struct err_slot *err);

#endif
