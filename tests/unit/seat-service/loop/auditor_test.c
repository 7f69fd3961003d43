/* auditor_test.c: against a real PostgreSQL: what the auditor keeps, and until when. */
#include "journal/store.h"
#include "loop/auditor.h"
#include "pg_fixture.h"
#include "plan_body.h"
#include "tables/migrate.h"
#include "unit.h"

#include <poll.h>

/* More than there may be between two looks of an auditor that is not to stand back. */
enum { RUSH = AUDITOR_BUSY_PER_S * SNAPSHOT_LOOK_MS };

static struct auditor *auditor;
static _Atomic uint64_t changes; /* of all events */

static void make_event(const char *body)
{
    struct err_slot err = {0};
    struct pg *pg = pg_fixture_open(MIGRATE_SCHEMA);
    int32_t no;
    unit_must(migrate_run(pg, &err), &err);
    unit_must(
        store_event_create(pg, SPAN("night"), SPAN("hash"), span_of(body), SPAN(""), &err, &no),
        &err);
    pg_close(pg);
}

static void on_leaves(void *ctx)
{
    (void)ctx;
    auditor_nudge(auditor);
}

TEST_CASE(closed_event_is_let_go_of_in_a_rush)
{
    struct err_slot err = {0};
    struct idem *idem;
    struct events *events;
    char *body = plan_body_quoted(BODY(PLAN(ROW(SEAT("a", "0"))), ""));
    make_event(body);
    unit_must(idem_create(1 << 20, &err, &idem), &err);
    unit_must(events_create(
                  &(struct events_conf){.clock = clock_system(), .idem = idem, .leaves = on_leaves},
                  &err, &events),
              &err);
    struct journal_host host = events_host(events);
    unit_must(host.found(events, 0, SPAN("night"),
                         &(struct journal_document){span_of(body), 1, 1, 0}, &err),
              &err);
    unit_must(host.load(events, 0, (struct span){NULL, 0}, &err), &err);
    host.own(events, 0, 1, 0, false);

    struct auditor_conf conf = {.dsn = pg_fixture_dsn(),
                                .snapshot_every = UINT64_C(1) << 40,
                                .changes = &changes,
                                .events = events,
                                .clock = clock_system()};
    unit_must(auditor_start(&conf, &err, &auditor), &err);
    auditor_nudge(auditor); /* no change yet, so it looks at the event */
    struct event *event = events_nth(events, 0);
    while (event->kept == 0)
        poll(NULL, 0, 2);
    uint64_t until_us = clock_mono_us(clock_system()) + 20000000; /* a test that hangs says where */
    for (changes += RUSH; !host.leave(events, 0); changes += RUSH) {
        assert_true(clock_mono_us(clock_system()) < until_us);
        poll(NULL, 0, 2);
    }
    auditor_stop(auditor);
    auditor_destroy(auditor);
    host.drop(events, 0);
    events_destroy(events);
    idem_destroy(idem);
    free(body);
}
