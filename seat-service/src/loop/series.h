/* series.h: time series of each event's free, held, sold and blocked seats.
 *
 * One point per event every SERIES_MS, in memory for requests and in PostgreSQL for restarts.
 * /metrics has the newest counts, and whether the event can be sold.
 *
 * Threading: belongs to loop 0, which has the private listener. libuv's pool reads and writes the
 * database, one job at a time. */
#ifndef FG_SEAT_SERVICE_SERIES_H
#define FG_SEAT_SERVICE_SERIES_H

#include "loop/loop.h"
#include "observe/metrics.h"
#include "tables/statements.h"

struct series;

struct series_conf {
    const char *dsn;         /* borrowed, as all fields here */
    const char *events;      /* as in struct journal_conf */
    struct service *service; /* source of the error counts */
    struct metrics *metrics;
    struct logger *log;
};

int series_create(const struct series_conf *conf, struct err_slot *err, struct series **out);
void series_destroy(struct series *series); /* after the loop has ended */

/* Once per tick of the loop. */
void series_tick(struct series *series, struct loop *loop);

/* The number of points of an event, and one of them: age 1 is the newest. `errors`: 5xx responses
 * by the event's owners, for any event; never falls. */
uint32_t series_len(const struct series *series, const struct event *event);
struct sql_counted_read_row series_at(const struct series *series, const struct event *event,
                                      uint32_t age);
struct sql_counted_read_row series_now(const struct series *series, const struct event *event,
                                       uint64_t now_ms);

#endif
