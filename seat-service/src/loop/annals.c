/* annals.c: see annals.h.
 *
 * The work is one struct, filled on the loop, done on the pool, taken back on the loop: ended
 * sessions to write, points to write, and one event's points to read, which is done once, when the
 * event has become ours, and before the first point of this life is taken. So a series is in order,
 * and has a gap where nobody owned the event.
 *
 * A point that could not be written is missing from the next life's series, nothing else; a
 * session's end that could not is told to who asked, and counts meanwhile. */
#include "loop/annals.h"

#include "journal/annals_store.h"
#include "journal/migrate.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SESSION_S = 24 * 3600 }; /* no pass lasts longer: session_max_s of the waiting room */

enum { FREE, HELD, SOLD, BLOCKED, STATES };

struct series {
    struct annals_point *points; /* SERIES_POINTS, a ring; NULL until it was read */
    uint32_t len, next;
    uint64_t last_ms;
    uint64_t try_ms;        /* read not before */
    uint64_t errors_before; /* of earlier owners */
    uint64_t errors_from;   /* our own that do not count: before we owned the event */
    _Atomic uint64_t now[STATES];
    bool is_unsaved; /* the newest point */
    bool is_told;    /* /metrics knows it */
};

struct ending {
    struct ended_row row;
    struct call call;
};

struct work {
    uv_work_t req;
    struct annals *annals;
    struct pg *pg; /* kept from one time to the next */
    struct ending endings[ENDINGS_MAX];
    uint32_t endings_len;
    struct counted_row points[EVENTS_MAX];
    uint32_t points_len;
    struct house_event *read; /* whose points are to be read; NULL: nobody's */
    struct counted_row *found;
    uint32_t found_len;
    bool has_read;
    int endings_rc;
};

struct annals {
    struct annals_conf conf;
    struct series series[EVENTS_MAX];
    struct ending waiting[ENDINGS_MAX];
    uint32_t waiting_len;
    struct work work;
    struct desk *desk; /* loop 0's */
    bool working, failing;
};

/* ---- on the pool ---- */

static int write_endings(struct work *work, struct err_slot *err)
{
    struct ended_row rows[ENDINGS_MAX];
    for (uint32_t i = 0; i < work->endings_len; i++)
        rows[i] = work->endings[i].row;
    return work->endings_len > 0 ? ended_write(work->pg, rows, work->endings_len, err) : 0;
}

static void on_pool(uv_work_t *req)
{
    struct work *work = req->data;
    struct annals *annals = work->annals;
    struct err_slot err;
    struct pg_conf conf = {annals->conf.dsn, "fairgate seat-service annals", MIGRATE_SCHEMA,
                           JOURNAL_CONNECT_MS, JOURNAL_ANSWER_MS};
    int rc = work->pg == NULL ? pg_open(&conf, &err, &work->pg) : 0;
    if (rc == 0)
        rc = write_endings(work, &err);
    work->endings_rc = rc;
    if (rc == 0 && work->read != NULL) {
        rc = counted_read(work->pg, span_of(work->read->id), work->found, SERIES_POINTS, &err,
                          &work->found_len);
        work->has_read = rc == 0;
    }
    if (rc == 0 && work->points_len > 0)
        rc = counted_write(work->pg, work->points, work->points_len, SERIES_POINTS, &err);
    if (rc == 0)
        return;
    if (!annals->failing) /* once, not with every attempt */
        log_failure(annals->conf.log, "sessions and counts cannot be kept", &err);
    pg_close(work->pg);
    work->pg = NULL;
}

/* ---- on the loop ---- */

static void begin(struct annals *annals);

static void answer_endings(struct work *work)
{
    for (uint32_t i = 0; i < work->endings_len; i++) {
        struct call *call = &work->endings[i].call;
        if (work->endings_rc == 0)
            http_reply(call->req, &(struct http_reply){.status = 204});
        else
            call_unavailable(call, "journal-unavailable",
                             "the session is not let in, but that is not durable yet; try again");
    }
}

static void take_found(struct work *work)
{
    struct series *series = &work->annals->series[work->read->nth];
    series->points = calloc(SERIES_POINTS, sizeof(*series->points));
    for (uint32_t i = 0; series->points != NULL && i < work->found_len; i++) {
        const struct counted_row *point = &work->found[i];
        series->points[i] = (struct annals_point){point->at_ms, point->free,    point->held,
                                                  point->sold,  point->blocked, point->errors};
        series->last_ms = point->at_ms;
        series->errors_before = point->errors;
    }
    series->len = series->points != NULL ? work->found_len : 0;
    series->next = series->len % SERIES_POINTS;
}

static void on_done(uv_work_t *req, int status)
{
    struct work *work = req->data;
    struct annals *annals = work->annals;
    (void)status;
    annals->failing = work->pg == NULL;
    annals->working = false;
    if (work->has_read)
        take_found(work);
    free(work->found);
    work->found = NULL;
    if (desk_is_closed(annals->desk))
        return; /* the process ends: nobody is there to be answered */
    answer_endings(work);
    begin(annals);
}

/* The newest point of each series, where it was not written yet. */
static void take_unsaved(struct annals *annals, struct work *work)
{
    struct house *house = desk_conf(annals->desk)->house;
    const struct house_event *event = NULL;
    work->points_len = 0;
    while ((event = house_next(house, event)) != NULL) {
        struct series *series = &annals->series[event->nth];
        if (!series->is_unsaved)
            continue;
        series->is_unsaved = false;
        struct annals_point point = annals_at(annals, event, 1);
        work->points[work->points_len++] = (struct counted_row){.event = event->id,
                                                                .at_ms = point.at_ms,
                                                                .free = point.free,
                                                                .held = point.held,
                                                                .sold = point.sold,
                                                                .blocked = point.blocked,
                                                                .errors = point.errors};
    }
}

/* The next event whose points are to be read, or NULL. */
static struct house_event *unread(struct annals *annals)
{
    struct house *house = desk_conf(annals->desk)->house;
    struct house_event *event = NULL;
    uint64_t now_ms = house_now_ms(house);
    while ((event = house_next(house, event)) != NULL) {
        struct series *series = &annals->series[event->nth];
        if (!house_is_open(event) || series->points != NULL || now_ms < series->try_ms)
            continue;
        series->try_ms = now_ms + SERIES_RETRY_MS;
        return event;
    }
    return NULL;
}

static void begin(struct annals *annals)
{
    struct work *work = &annals->work;
    if (annals->working)
        return;
    memcpy(work->endings, annals->waiting, annals->waiting_len * sizeof(annals->waiting[0]));
    work->endings_len = annals->waiting_len;
    annals->waiting_len = 0;
    take_unsaved(annals, work);
    work->read = unread(annals);
    work->found_len = 0;
    work->has_read = false;
    work->found = work->read != NULL ? calloc(SERIES_POINTS, sizeof(*work->found)) : NULL;
    if (work->found == NULL)
        work->read = NULL; /* tried again */
    if (work->endings_len + work->points_len == 0 && work->read == NULL)
        return;
    annals->working = true;
    uv_queue_work(desk_conf(annals->desk)->loop, &work->req, on_pool, on_done);
}

/* ---- sessions ---- */

void annals_end_session(struct annals *annals, struct http_req *req, struct span session)
{
    struct call call = {.req = req, .desk = desk_of(req)};
    uint64_t until_s = clock_wall_us(desk_conf(call.desk)->clock) / 1000000 + SESSION_S;
    struct ended_row row = {.session = pass_hash(session), .until_s = until_s};
    if (annals->waiting_len == ENDINGS_MAX) {
        call_unavailable(&call, "overloaded", "too many sessions are being ended; try again");
        return;
    }
    pass_revoke(annals->conf.revoked, row.session, row.until_s);
    annals->desk = call.desk;
    annals->waiting[annals->waiting_len++] = (struct ending){row, call};
    begin(annals);
}

/* ---- counts ---- */

static uint64_t errors_of(const struct annals *annals, const struct house_event *event)
{
    const struct series *series = &annals->series[event->nth];
    return series->errors_before + service_errors(annals->conf.service) - series->errors_from;
}

struct annals_point annals_now(const struct annals *annals, const struct house_event *event,
                               uint64_t now_ms)
{
    struct annals_point point = {.at_ms = now_ms, .errors = errors_of(annals, event)};
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

uint32_t annals_len(const struct annals *annals, const struct house_event *event)
{
    return annals->series[event->nth].len;
}

struct annals_point annals_at(const struct annals *annals, const struct house_event *event,
                              uint32_t age)
{
    const struct series *series = &annals->series[event->nth];
    assert(age > 0);
    assert(age <= series->len);
    return series->points[(series->next + SERIES_POINTS - age) % SERIES_POINTS];
}

static void tell_metrics(struct annals *annals, const struct house_event *event)
{
    static const struct {
        const char *name, *help;
    } gauges[STATES] = {
        [FREE] = {"fairgate_seats_free", "seats and places that can be had"},
        [HELD] = {"fairgate_seats_held", "seats and places in somebody's hold"},
        [SOLD] = {"fairgate_seats_sold", "seats and places sold"},
        [BLOCKED] = {"fairgate_seats_blocked", "seats and places taken out of sale"},
    };
    struct series *series = &annals->series[event->nth];
    char memory[METRICS_LABELS_MAX];
    struct text labels = text_on(memory, sizeof(memory) - 1);
    metrics_label(&labels, "event", span_of(event->id));
    memory[labels.len] = '\0';
    for (unsigned i = 0; i < STATES; i++) {
        struct metrics_desc desc = {gauges[i].name, gauges[i].help, memory};
        (void)metrics_gauge(annals->conf.metrics, &desc, &series->now[i], NULL);
    }
    series->is_told = true;
}

static void show(struct annals *annals, const struct house_event *event,
                 const struct annals_point *point)
{
    struct series *series = &annals->series[event->nth];
    /* relaxed: numbers for a graph */
    atomic_store_explicit(&series->now[FREE], point->free, memory_order_relaxed);
    atomic_store_explicit(&series->now[HELD], point->held, memory_order_relaxed);
    atomic_store_explicit(&series->now[SOLD], point->sold, memory_order_relaxed);
    atomic_store_explicit(&series->now[BLOCKED], point->blocked, memory_order_relaxed);
    if (!series->is_told)
        tell_metrics(annals, event);
}

void annals_tick(struct annals *annals, struct desk *desk)
{
    struct house *house = desk_conf(desk)->house;
    uint64_t now_ms = house_now_ms(house);
    const struct house_event *event = NULL;
    annals->desk = desk;
    while ((event = house_next(house, event)) != NULL) {
        struct series *series = &annals->series[event->nth];
        if (!house_is_open(event))
            continue;
        if (!series->is_told)
            series->errors_from = service_errors(annals->conf.service);
        struct annals_point point = annals_now(annals, event, now_ms);
        show(annals, event, &point);
        if (series->points == NULL || now_ms < series->last_ms + SERIES_MS)
            continue;
        series->last_ms = now_ms;
        series->points[series->next] = point;
        series->next = (series->next + 1) % SERIES_POINTS;
        series->len += series->len < SERIES_POINTS ? 1 : 0;
        series->is_unsaved = true;
    }
    begin(annals);
}

/* ---- life ---- */

int annals_create(const struct annals_conf *conf, struct err_slot *err, struct annals **out)
{
    struct annals *annals = calloc(1, sizeof(*annals));
    if (annals == NULL)
        return err_set(err, ERR_NOMEM, "the annals");
    annals->conf = *conf;
    annals->work.annals = annals;
    annals->work.req.data = &annals->work;
    *out = annals;
    return 0;
}

void annals_destroy(struct annals *annals)
{
    if (annals == NULL)
        return;
    for (unsigned i = 0; i < EVENTS_MAX; i++) {
        metrics_forget_within(annals->conf.metrics, annals->series[i].now,
                              sizeof(annals->series[i].now));
        free(annals->series[i].points);
    }
    pg_close(annals->work.pg);
    free(annals);
}
