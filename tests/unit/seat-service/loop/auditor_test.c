/* auditor_test.c: what the auditor stores and how long it keeps it, against a real PostgreSQL. */
#include "journal/store.h"
#include "loop/auditor.h"
#include "pg_fixture.h"
#include "plan_body.h"
#include "tables/migrate.h"
#include "unit.h"

#include <poll.h>

/* More changes between two looks than the auditor tolerates before it backs off. */
enum { RUSH = AUDITOR_BUSY_PER_S * SNAPSHOT_LOOK_MS };

static struct auditor *auditor;
static _Atomic uint64_t changes; /* total of all events */

static struct events *events;
static char *body;

static void on_leaves(void *ctx)
{
    (void)ctx;
    auditor_nudge(auditor);
}

static void open_event(uint32_t nth, const char *id)
{
    struct err_slot err = {0};
    struct pg *pg = pg_fixture_open(MIGRATE_SCHEMA);
    struct journal_host host = events_host(events);
    const struct store_document document = {
        .body = body, .len = strlen(body), .since = 1, .base = 1};
    struct store_event row = {0};
    snprintf(row.id, sizeof(row.id), "%s", id);
    unit_must(migrate_run(pg, &err), &err);
    unit_must(
        store_event_create(pg, span_of(id), SPAN("hash"), span_of(body), SPAN(""), &err, &row.no),
        &err);
    pg_close(pg);
    unit_must(host.found(events, nth, &row, &document, &err), &err);
    unit_must(host.load(events, nth, (struct span){NULL, 0}, &err), &err);
    host.own(events, nth, 1, 0, 0);
}

/* The event whose journal the auditor read last. */
static int64_t last_read(void)
{
    struct pg *pg = pg_fixture_open(NULL);
    int64_t event = pg_fixture_number(
        pg, "SELECT max(substring(query FROM '^COPY.*event = ([0-9]+)')::integer) FROM "
            "pg_stat_activity WHERE state = 'idle' AND "
            "application_name = 'fairgate seat-service auditor'");
    pg_close(pg);
    return event;
}

static bool night_leaves(void)
{
    changes += RUSH;
    return events_host(events).leave(events, 0);
}

/* On a timeout the assert prints the caller's line. */
#define WAIT_UNTIL(condition)                                                                      \
    for (unsigned ms = 0; !(condition); ms += 2) {                                                 \
        assert_true(ms < 20000);                                                                   \
        poll(NULL, 0, 2);                                                                          \
    }

TEST_CASE(unchanged_event_is_not_read_and_closed_one_is_released_in_a_rush)
{
    struct err_slot err = {0};
    struct idem *idem;
    body = plan_body_quoted(BODY(PLAN(ROW(SEAT("a", "0"))), ""));
    unit_must(idem_create(1 << 20, &err, &idem), &err);
    unit_must(events_create(
                  &(struct events_conf){.clock = clock_system(), .idem = idem, .leaves = on_leaves},
                  &err, &events),
              &err);
    open_event(0, "night");
    struct auditor_conf conf = {.dsn = pg_fixture_dsn(),
                                .snapshot_every = UINT64_C(1) << 40,
                                .changes = &changes,
                                .events = events,
                                .clock = clock_system()};
    unit_must(auditor_start(&conf, &err, &auditor), &err);
    auditor_nudge(auditor);
    WAIT_UNTIL(last_read() == 1)
    struct pg *pg = pg_fixture_open(MIGRATE_SCHEMA);
    pg_fixture_run(pg, "INSERT INTO journal (event, seq, at, epoch, kind, body, chain)"
                       "VALUES (1, 1, now(), 1, 1, 'no change', 'no chain')");
    pg_close(pg);
    open_event(1, "morning");
    auditor_nudge(auditor);
    WAIT_UNTIL(last_read() == 2) /* night would have been read before morning */
    assert_int_equal(0, auditor_stats(auditor)->failures);
    WAIT_UNTIL(night_leaves())
    auditor_stop(auditor);
    auditor_destroy(auditor);
    events_destroy(events);
    idem_destroy(idem);
    free(body);
}
