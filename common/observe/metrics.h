/* metrics.h: a program's metrics, in Prometheus's format.
 *
 * The numbers stay where they are counted: a module owns its atomics, the registry keeps pointers
 * and reads them for each scrape. Registering the same name with the same labels again adds a shard
 * (a loop's), and shards are summed. Names and label names are literals of the program; label text
 * is written by metrics_label(), which escapes it.
 *
 * Threading: any thread registers, forgets and renders; a mutex held briefly guards the list. A
 * registered pointer must stay valid until it is forgotten or the registry destroyed. */
#ifndef FG_OBSERVE_METRICS_H
#define FG_OBSERVE_METRICS_H

#include "base/err.h"
#include "base/text.h"
#include "observe/histogram.h"

struct metrics;
struct http_stats;

enum {
    METRICS_SERIES_MAX = 4096, /* names and shards in all: a scrape stays well below a megabyte */
    METRICS_LABELS_MAX = 160,  /* bytes of a series' label text */
};

enum metrics_unit {
    METRICS_UNIT_ONE,     /* a histogram of counts: written as it is */
    METRICS_UNIT_SECONDS, /* a histogram of microseconds: written in seconds */
};

struct metrics_desc {
    const char *name; /* "fairgate_joins_total"; counters end with _total */
    const char *help;
    const char *labels; /* `state="open",shard="a"`; copied; NULL: none */
};

int metrics_create(struct err_slot *err, struct metrics **out);
void metrics_destroy(struct metrics *metrics);

/* Appends name="value" with the value escaped, after a comma where one is needed. */
struct metrics_labels {
    char text[METRICS_LABELS_MAX];
};
struct metrics_labels metrics_one_label(const char *name, struct span value);
void metrics_label(struct text *labels, const char *name, struct span value);

/* All may return ERR_FULL, or ERR_EXISTS if the name already has another kind. */
int metrics_counter(struct metrics *metrics, const struct metrics_desc *desc,
                    const _Atomic uint64_t *value, struct err_slot *err);
int metrics_gauge(struct metrics *metrics, const struct metrics_desc *desc,
                  const _Atomic uint64_t *value, struct err_slot *err);
/* Counters and gauges of one service, a row each. */
struct metrics_row {
    const char *name, *help, *labels;
    const _Atomic uint64_t *value;
    bool gauge;
};
int metrics_add_all(struct metrics *metrics, const struct metrics_row *rows, size_t len,
                    struct err_slot *err);
int metrics_histogram(struct metrics *metrics, const struct metrics_desc *desc,
                      enum metrics_unit unit, const struct histogram *histogram,
                      struct err_slot *err);

/* Drops every series that reads from this pointer. */
void metrics_forget(struct metrics *metrics, const void *source);
/* The same for every pointer into this memory, such as a struct of counters. */
void metrics_forget_within(struct metrics *metrics, const void *memory, size_t len);
/* Drops every series that this thread has registered, before what a loop counts is freed. The main
 * thread's are those of loop 0 and of the process. */
void metrics_forget_mine(struct metrics *metrics);

/* A server's counters as fairgate_http_*{listener="..."}; once for each loop. */
int metrics_http(struct metrics *metrics, const char *listener, const struct http_stats *stats,
                 struct err_slot *err);
/* fairgate_memory_allocated_bytes, process_resident_memory_bytes, process_open_fds,
 * process_max_fds, process_cpu_seconds_total, process_start_time_seconds. */
int metrics_process(struct metrics *metrics, struct err_slot *err);

/* fairgate_clock_apart_ms{store="..."}: by clock_apart_ms(); of one loop of the process. */
int metrics_clock_apart(struct metrics *metrics, const char *store,
                        const _Atomic uint64_t *apart_ms, struct err_slot *err);

/* The whole text, Content-Type METRICS_TYPE. On success *out is malloced, the caller's to free. */
#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
int metrics_render(struct metrics *metrics, struct err_slot *err, char **out, size_t *len);

#endif
