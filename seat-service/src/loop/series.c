/* series.c: one point per event every SERIES_MS, in memory for requests and in PostgreSQL for
 * restarts.
 *
 * A job is one struct, filled on the loop, run on the pool and completed on the loop: points to
 * write, and one event's points to read. Points are read once, when the event has become ours and
 * before the first new point. So a series is in order, with a gap while the event had no owner. If
 * a point cannot be written, it is missing only after a restart.
 *
 * The gauge of whether an event can be sold exists from the start, because alerts do not work on
 * missing metrics. So events named in the settings begin as not open, before the journal is read,
 * and others as soon as the journal has them in memory. The metrics of an event are removed when it
 * leaves memory.
 *
 * The job that writes points also reads the server's state. */
#include "loop/series.h"

#include "base/magic.h"
#include "tables/migrate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { FREE, HELD, SOLD, BLOCKED, OPEN, GAUGES };

struct points {
    struct sql_counted_read_row *ring; /* SERIES_POINTS; NULL until read */
    uint32_t len, next;
    uint64_t last_ms;
    uint64_t try_ms;        /* earliest time of the next read */
    uint64_t errors_before; /* of earlier owners */
    uint64_t errors_from;   /* our own errors from before we owned the event */
    _Atomic uint64_t now[GAUGES];
    bool is_unsaved;           /* the newest point */
    bool is_registered;        /* its counts are registered in /metrics */
    char id[EVENT_ID_MAX + 1]; /* the event whose open gauge is registered, or empty */
};

struct work {
    uint32_t magic;
    uv_work_t req;
    struct series *series;
    struct pg *pg; /* reused */
    struct sql_counted_write_rows points[EVENTS_MAX];
    struct event *counted[EVENTS_MAX]; /* the points' events, kept */
    uint32_t points_len;
    struct event *read; /* event whose points to read, kept; NULL: none */
    PGresult *found;    /* newest first; NULL: not read */
};

struct series {
    struct series_conf conf;
    struct points events[EVENTS_MAX];
    struct work work;
    struct loop *loop; /* loop 0 */
    bool working, failing;
    _Atomic uint64_t not_open; /* always 0: for an event that the journal does not know yet */
    _Atomic uint64_t archive_failures, archive_late_ms; /* of the server's log */
    _Atomic uint64_t snapshot_ms;                       /* the oldest one's age */
};

MAGIC(work, 0x5ea70004);

/* ---- on the pool ---- */

/* On failure, counts are stored all the same. */
static void read_server(struct series *series, struct pg *pg)
{
    struct err_slot err;
    PGresult *res;
    if (sql_server_state(pg, &err, &res) < 0)
        return;
    struct sql_server_state_row row = sql_server_state_row(res, 0);
    /* relaxed: numbers for a graph */
    atomic_store_explicit(&series->archive_failures, row.failures, memory_order_relaxed);
    atomic_store_explicit(&series->archive_late_ms, row.late_ms, memory_order_relaxed);
    atomic_store_explicit(&series->snapshot_ms, row.snapshot_ms, memory_order_relaxed);
    PQclear(res);
}

static void on_pool(uv_work_t *req)
{
    struct work *work = MAGIC_OF(work, req->data);
    struct series *series = work->series;
    struct err_slot err;
    struct pg_conf conf = {series->conf.dsn, "fairgate seat-service series", MIGRATE_SCHEMA,
                           JOURNAL_CONNECT_MS, JOURNAL_ANSWER_MS};
    int rc = work->pg == NULL ? pg_open(&conf, &err, &work->pg) : 0;
    if (rc == 0 && work->read != NULL)
        rc = sql_counted_read(
            work->pg, &(struct sql_counted_read_args){span_of(work->read->id), SERIES_POINTS}, &err,
            &work->found);
    if (rc == 0 && work->points_len > 0)
        rc =
            sql_counted_write(work->pg,
                              &(struct sql_counted_write_args){work->points, work->points_len,
                                                               (uint64_t)SERIES_POINTS * SERIES_MS},
                              &err, NULL);
    if (rc == 0) {
        read_server(series, work->pg);
        return;
    }
    if (!series->failing) /* once, not per attempt */
        log_failure(series->conf.log, "counts cannot be kept", &err);
    pg_close(work->pg);
    work->pg = NULL;
}

/* ---- on the loop ---- */

static void on_done(uv_work_t *req, int status)
{
    struct work *work = MAGIC_OF(work, req->data);
    struct series *series = work->series;
    (void)status;
    series->failing = work->pg == NULL;
    series->working = false;
    if (work->found != NULL) {
        struct points *points = &work->series->events[work->read->nth];
        uint32_t len = (uint32_t)PQntuples(work->found);
        assert(points->ring == NULL);
        assert(len <= SERIES_POINTS);
        points->ring = calloc(SERIES_POINTS, sizeof(*points->ring));
        for (uint32_t i = 0; points->ring != NULL && i < len; i++) {
            points->ring[i] = sql_counted_read_row(work->found, (int)(len - 1 - i));
            points->last_ms = points->ring[i].at_ms;
            points->errors_before = points->ring[i].errors;
        }
        /* The last point may come from a clock that was ahead. */
        uint64_t now_ms = events_now_ms(work->series->loop->conf.events);
        if (points->last_ms > now_ms)
            points->last_ms = now_ms;
        points->len = points->ring != NULL ? len : 0;
        points->next = points->len % SERIES_POINTS;
    }
    if (work->read != NULL)
        events_let_go(work->read);
    for (uint32_t i = 0; i < work->points_len; i++)
        events_let_go(work->counted[i]);
    PQclear(work->found);
    work->found = NULL;
}

/* The newest unwritten point of each series. */
static void take_unsaved(struct series *series, struct work *work)
{
    struct events *events = series->loop->conf.events;
    struct event *event = NULL;
    work->points_len = 0;
    while ((event = events_next(events, event)) != NULL) {
        struct points *points = &series->events[event->nth];
        if (!points->is_unsaved)
            continue;
        points->is_unsaved = false;
        struct sql_counted_read_row point = series_at(series, event, 1);
        events_keep(event);
        work->counted[work->points_len] = event;
        work->points[work->points_len++] =
            (struct sql_counted_write_rows){.event = span_of(event->id),
                                            .at_ms = point.at_ms,
                                            .free = point.free,
                                            .held = point.held,
                                            .sold = point.sold,
                                            .blocked = point.blocked,
                                            .errors = point.errors};
    }
}

/* The next event whose points are to be read, or NULL. */
static struct event *unread(struct series *series)
{
    struct events *events = series->loop->conf.events;
    struct event *event = NULL;
    uint64_t now_ms = events_now_ms(events);
    while ((event = events_next(events, event)) != NULL) {
        struct points *points = &series->events[event->nth];
        if (!events_is_open(event) || points->ring != NULL || now_ms < points->try_ms)
            continue;
        points->try_ms = now_ms + SERIES_RETRY_MS;
        return event;
    }
    return NULL;
}

/* ---- counts ---- */

static uint64_t errors_of(const struct series *series, const struct event *event)
{
    const struct points *points = &series->events[event->nth];
    return points->errors_before + service_errors(series->conf.service) - points->errors_from;
}

struct sql_counted_read_row series_now(const struct series *series, const struct event *event,
                                       uint64_t now_ms)
{
    struct sql_counted_read_row point = {.at_ms = now_ms, .errors = errors_of(series, event)};
    struct engine_count counts[PLAN_CATEGORIES_MAX];
    engine_counts(event->engine, counts);
    for (uint32_t i = 0; i < plan_category_count(event->plan->plan); i++) {
        point.free += counts[i].free;
        point.held += counts[i].held;
        point.sold += counts[i].sold;
        point.blocked += counts[i].blocked;
    }
    return point;
}

uint32_t series_len(const struct series *series, const struct event *event)
{
    return series->events[event->nth].len;
}

struct sql_counted_read_row series_at(const struct series *series, const struct event *event,
                                      uint32_t age)
{
    const struct points *points = &series->events[event->nth];
    assert(age > 0);
    assert(age <= points->len);
    return points->ring[(points->next + SERIES_POINTS - age) % SERIES_POINTS];
}

/* Gauges registered twice are summed (metrics.h). */
static void register_gauge(struct series *series, unsigned gauge, struct span event,
                           const _Atomic uint64_t *value)
{
    static const struct {
        const char *name, *help;
    } gauges[GAUGES] = {
        [FREE] = {"fairgate_seats_free", "seats and places available"},
        [HELD] = {"fairgate_seats_held", "seats and places held"},
        [SOLD] = {"fairgate_seats_sold", "seats and places sold"},
        [BLOCKED] = {"fairgate_seats_blocked", "seats and places taken out of sale"},
        [OPEN] = {"fairgate_seats_open",
                  "1 while holds are possible: we own the event and can write"},
    };
    assert(gauge < GAUGES);
    const struct metrics_labels labels = metrics_one_label("event", event);
    struct metrics_desc desc = {gauges[gauge].name, gauges[gauge].help, labels.text};
    (void)metrics_gauge(series->conf.metrics, &desc, value, NULL);
}

/* Registers events in memory, and removes those that have left. An event being read is kept, so it
 * is still there. */
static void register_known(struct series *series, struct journal *journal)
{
    struct journal_view view;
    for (uint32_t nth = 0; nth < EVENTS_MAX; nth++) {
        struct points *points = &series->events[nth];
        bool known = journal_nth(journal, nth, &view);
        if (points->id[0] != '\0' && (!known || strcmp(points->id, view.id) != 0)) {
            metrics_forget_within(series->conf.metrics, points->now, sizeof(points->now));
            free(points->ring);
            *points = (struct points){0};
        }
        if (!known || points->id[0] != '\0')
            continue;
        memcpy(points->id, view.id, sizeof(points->id));
        register_gauge(series, OPEN, span_of(view.id), &points->now[OPEN]);
    }
}

void series_tick(struct series *series, struct loop *loop)
{
    struct events *events = loop->conf.events;
    uint64_t now_ms = events_now_ms(events);
    const struct event *event = NULL;
    bool writes = journal_role(loop->conf.journal) == JOURNAL_OWNER;
    series->loop = loop;
    register_known(series, loop->conf.journal);
    while ((event = events_next(events, event)) != NULL) {
        struct points *points = &series->events[event->nth];
        bool open = events_is_open(event);
        atomic_store_explicit(&points->now[OPEN], open && writes, memory_order_relaxed);
        if (!open)
            continue;
        if (!points->is_registered)
            points->errors_from = service_errors(series->conf.service);
        struct sql_counted_read_row point = series_now(series, event, now_ms);
        /* relaxed: numbers for a graph */
        atomic_store_explicit(&points->now[FREE], point.free, memory_order_relaxed);
        atomic_store_explicit(&points->now[HELD], point.held, memory_order_relaxed);
        atomic_store_explicit(&points->now[SOLD], point.sold, memory_order_relaxed);
        atomic_store_explicit(&points->now[BLOCKED], point.blocked, memory_order_relaxed);
        for (unsigned gauge = FREE; !points->is_registered && gauge <= BLOCKED; gauge++)
            register_gauge(series, gauge, span_of(event->id), &points->now[gauge]);
        points->is_registered = true;
        if (points->ring == NULL || now_ms < points->last_ms + SERIES_MS)
            continue;
        points->last_ms = now_ms;
        points->ring[points->next] = point;
        points->next = (points->next + 1) % SERIES_POINTS;
        points->len += points->len < SERIES_POINTS ? 1 : 0;
        points->is_unsaved = true;
    }
    struct work *work = &series->work;
    if (series->working)
        return;
    take_unsaved(series, work);
    work->read = unread(series);
    if (work->points_len == 0 && work->read == NULL)
        return;
    series->working = true;
    if (work->read != NULL)
        events_keep(work->read);
    uv_queue_work(series->loop->conf.uv, &work->req, on_pool, on_done);
}

/* ---- life ---- */

int series_create(const struct series_conf *conf, struct err_slot *err, struct series **out)
{
    struct series *series = calloc(1, sizeof(*series));
    if (series == NULL)
        return err_set(err, ERR_NOMEM, "the series of counts");
    series->conf = *conf;
    series->work.series = series;
    series->work.req.data = &series->work;
    MAGIC_BEGIN(work, &series->work);
    const struct metrics_row rows[] = {
        {"fairgate_wal_archive_failures_total", "WAL files that could not be archived", NULL,
         &series->archive_failures, false},
        {"fairgate_wal_archive_late_ms",
         "for how long no WAL file was archived while one was ready", NULL,
         &series->archive_late_ms, true},
        {"fairgate_database_snapshot_ms", "for how long the oldest snapshot has been open", NULL,
         &series->snapshot_ms, true}};
    int rc = metrics_add_all(conf->metrics, rows, sizeof(rows) / sizeof(rows[0]), err);
    if (rc < 0) {
        series_destroy(series);
        return rc;
    }
    struct span rest = span_of(series->conf.events), name;
    while (rest.len > 0) {
        rest = span_cut(rest, ',', &name);
        name = span_trim(name);
        if (name.len > 0 && name.len <= EVENT_ID_MAX)
            register_gauge(series, OPEN, name, &series->not_open);
    }
    *out = series;
    return 0;
}

void series_destroy(struct series *series)
{
    if (series == NULL)
        return;
    for (unsigned i = 0; i < EVENTS_MAX; i++)
        free(series->events[i].ring);
    MAGIC_END(work, &series->work);
    pg_close(series->work.pg);
    free(series);
}
