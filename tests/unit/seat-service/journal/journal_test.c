/* journal_test.c: the committer against a real PostgreSQL: what is answered is what is written,
 * whoever is ended in between. FAIRGATE_SOAK=1 runs the kill test thirty times longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cut_proxy.h"
#include "journal/journal.h"
#include "journal/store.h"
#include "pg_fixture.h"
#include "tables/migrate.h"
#include "unit.h"

#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct pg_fixture *server;

enum { APPLIED_MAX = 200000, ENTRIES = 256 };

/* One process: its queue, its journal, and a host that writes down what it is told. */
struct process {
    struct commit_queue *queue;
    struct commit_port *port;
    struct journal *journal;
    int wakefd;
    /* told by the committer's thread */
    atomic_uint found, owned, fenced;
    atomic_ullong epoch, applied, applied_sum;
    /* told by the reader's and by a thread beside it */
    atomic_uint shown, preparing, may_prepare;
    /* told to the loop */
    uint64_t sent;
    uint64_t good, bad, unknown;
    uint64_t good_sum; /* of the holds that were answered with 0 */
    int last_rc;
};

static void must(int rc, const struct err_slot *err)
{
    if (rc < 0)
        fail_msg("%s", err->text);
}

/* ---- the host ---- */

static int on_found(void *ctx, uint32_t nth, struct span id, struct span document,
                    struct err_slot *err)
{
    struct process *process = ctx;
    (void)nth;
    (void)id;
    if (!span_eq(document, SPAN("document")) && document.len != JOURNAL_LONG_BYTES)
        return err_set(err, ERR_SYNTAX, "another document");
    process->found += 1;
    return 0;
}

static int on_load(void *ctx, uint32_t nth, struct span snapshot, struct err_slot *err)
{
    struct process *process = ctx;
    (void)nth;
    (void)err;
    assert_null(snapshot.ptr);
    process->applied = 0;
    process->applied_sum = 0;
    return 0;
}

/* A long journal, of which the first change takes longer than the reader has for one event; and how
 * many events had been found when its last one was read. */
enum { LONG_ROWS = 3 * READER_ROWS };
static atomic_uint dawdled, found_then;

static int on_apply(void *ctx, uint32_t nth, const struct change *change, struct span idem,
                    struct err_slot *err)
{
    struct process *process = ctx;
    (void)idem;
    (void)err;
    process->applied += 1;
    if (nth == 0 && change->kind == CHANGE_IMPORTED && dawdled > 0)
        poll(NULL, 0, 2 * READER_PIECE_MS);
    if (nth == 0 && change->seq == LONG_ROWS)
        found_then = process->found;
    if (change->kind == CHANGE_TAKEN)
        process->applied_sum += change->hold;
    return 0;
}

static void on_first(void *ctx, uint32_t nth, struct change *change)
{
    (void)ctx;
    (void)nth;
    change_init(change, CHANGE_IMPORTED, 1700000000000);
}

static void on_own(void *ctx, uint32_t nth, uint64_t epoch, uint64_t seq)
{
    struct process *process = ctx;
    (void)nth;
    (void)seq;
    process->epoch = epoch;
    process->owned += 1;
}

static void on_shown(void *ctx, uint32_t nth, uint64_t seq, uint64_t as_of_us)
{
    struct process *process = ctx;
    (void)nth;
    (void)seq;
    (void)as_of_us;
    process->shown += 1;
}

static void on_prepare(void *ctx, struct span document)
{
    struct process *process = ctx;
    assert_int_equal(JOURNAL_LONG_BYTES, document.len);
    process->preparing += 1;
    while (process->may_prepare == 0)
        poll(NULL, 0, 2);
}

static void on_fenced(void *ctx, const char *reason)
{
    struct process *process = ctx;
    (void)reason;
    process->fenced += 1;
}

static void on_wake(void *ctx)
{
    struct process *process = ctx;
    ssize_t wrote = write(process->wakefd, &(uint64_t){1}, 8);
    (void)wrote;
}

/* The rest of `conf` is filled in. */
static struct process *process_start_with(struct journal_conf conf)
{
    struct process *process = calloc(1, sizeof(*process));
    struct err_slot err = {0};
    process->wakefd = eventfd(0, EFD_NONBLOCK);
    must(commit_queue_create(&(struct commit_queue_conf){1, ENTRIES}, &err, &process->queue), &err);
    process->port = commit_queue_port(process->queue, 0, on_wake, process);
    conf.batch_max = JOURNAL_BATCH_MAX;
    conf.queue = process->queue;
    conf.clock = clock_system();
    conf.rng = rng_system();
    conf.host = (struct journal_host){.ctx = process,
                                      .prepare = on_prepare,
                                      .found = on_found,
                                      .load = on_load,
                                      .apply = on_apply,
                                      .first = on_first,
                                      .own = on_own,
                                      .shown = on_shown,
                                      .fenced = on_fenced};
    must(journal_start(&conf, &err, &process->journal), &err);
    return process;
}

static struct process *process_start_at(const char *instance, const char *dsn)
{
    return process_start_with(
        (struct journal_conf){.dsn = dsn, .instance = instance, .events = ""});
}

static struct process *process_start(const char *instance)
{
    return process_start_at(instance, pg_fixture_dsn(server));
}

static void process_end(struct process *process)
{
    journal_stop(process->journal);
    while (commit_port_collect(process->port, ENTRIES) > 0)
        ;
    assert_int_equal(0, commit_port_open(process->port));
    journal_destroy(process->journal);
    commit_queue_destroy(process->queue);
    close(process->wakefd);
    free(process);
}

/* Waits for a word of the committer's thread; a test that hangs says where. */
#define UNTIL(condition)                                                                           \
    do {                                                                                           \
        uint64_t until_us = clock_mono_us(clock_system()) + 20000000;                              \
        while (!(condition)) {                                                                     \
            assert_true(clock_mono_us(clock_system()) < until_us);                                 \
            poll(NULL, 0, 2);                                                                      \
        }                                                                                          \
    } while (0)

static void collect(struct process *process, int ms)
{
    struct pollfd fd = {.fd = process->wakefd, .events = POLLIN};
    poll(&fd, 1, ms);
    uint64_t count;
    ssize_t got = read(process->wakefd, &count, 8);
    (void)got;
    commit_port_collect(process->port, ENTRIES);
}

static void collect_all(struct process *process)
{
    uint64_t until_us = clock_mono_us(clock_system()) + 30000000;
    while (commit_port_open(process->port) > 0) {
        assert_true(clock_mono_us(clock_system()) < until_us);
        collect(process, 100);
    }
}

static void on_done(struct commit_entry *entry)
{
    struct process *process = entry->ctx;
    process->last_rc = entry->rc;
    if (entry->rc == 0) {
        process->good += 1;
        process->good_sum += entry->op.change.kind == CHANGE_TAKEN ? entry->op.change.hold : 0;
    } else if (entry->rc == ERR_UNKNOWN) {
        process->unknown += 1;
    } else {
        process->bad += 1;
    }
}

/* A hold whose number is its own, so that the sum over the journal says which were written. */
static bool submit(struct process *process, enum change_kind kind, uint32_t seat)
{
    struct commit_entry *entry = commit_port_take(process->port);
    if (entry == NULL)
        return false;
    struct change *change = &entry->op.change;
    change_init(change, kind, 1700000000000 + process->sent);
    process->sent += 1;
    change->hold = process->sent * process->sent + 7;
    change->hold_version = 1;
    if (kind == CHANGE_CONFIRMED) {
        change->verdict = CHANGE_VERDICT_CONFIRMED;
        change->text_len = 2;
        memcpy(change->text, "o1", 3);
    }
    change->add_count = 1;
    change->seats[0] = seat;
    entry->event = 0;
    entry->on_done = on_done;
    entry->ctx = process;
    commit_port_submit(entry, clock_mono_us(clock_system()));
    return true;
}

/* What a call that found nothing to change waits for. */
static void submit_proof(struct process *process)
{
    struct commit_entry *entry = commit_port_take(process->port);
    assert_non_null(entry);
    entry->event = 0;
    entry->proof = true;
    entry->on_done = on_done;
    entry->ctx = process;
    commit_port_submit(entry, clock_mono_us(clock_system()));
}

/* So that each has a row of its own. */
static void submit_one_by_one(struct process *process, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        assert_true(submit(process, CHANGE_TAKEN, i));
        collect_all(process);
    }
}

/* ---- asking the database behind its back ---- */

static struct pg *other_connection(void)
{
    struct err_slot err = {0};
    struct pg *pg = NULL;
    must(pg_open(&(struct pg_conf){pg_fixture_dsn(server), "test", MIGRATE_SCHEMA, 5000, 20000},
                 &err, &pg),
         &err);
    return pg;
}

static int64_t ask(const char *sql)
{
    struct err_slot err = {0};
    PGresult *res;
    struct pg *pg = other_connection();
    must(pg_query(pg, sql, NULL, &err, &res), &err);
    int64_t n = PQntuples(res) == 0 || pg_null(res, 0, 0) ? 0 : pg_i64(res, 0, 0);
    PQclear(res);
    pg_close(pg);
    return n;
}

static void tell(const char *sql)
{
    struct err_slot err = {0};
    struct pg *pg = other_connection();
    must(pg_run(pg, sql, &err), &err);
    pg_close(pg);
}

/* Each test has the schema to itself. */
static void fresh(void)
{
    struct err_slot err = {0};
    struct pg *pg = other_connection();
    must(pg_run(pg, "DROP SCHEMA IF EXISTS seats CASCADE", &err), &err);
    must(migrate_run(pg, &err), &err);
    int32_t no;
    must(store_event_create(pg, SPAN("demo"), SPAN("hash"), SPAN("document"), SPAN(""), &err, &no),
         &err);
    pg_close(pg);
}

/* What is in the journal is what was answered with 0, and nothing else. The first row is the
 * import. */
static void assert_answers_are_true(const struct process *process)
{
    assert_int_equal(0, process->unknown);
    assert_int_equal(process->sent, process->good + process->bad);
    struct process *reader = process_start("reader");
    UNTIL(reader->found == 1 && reader->applied >= process->good + 1);
    UNTIL(journal_role(reader->journal) == JOURNAL_STANDBY ||
          journal_role(reader->journal) == JOURNAL_OWNER); /* it has read all there is */
    unit_never(reader->applied > process->good + 1, "a change that was refused is in the journal");
    assert_true(reader->applied == process->good + 1);
    assert_true(reader->applied_sum == process->good_sum);
    process_end(reader);
}

/* A process that owns the event of an empty database. */
static struct process *fresh_owner(void)
{
    fresh();
    struct process *process = process_start("a");
    UNTIL(process->owned == 1);
    return process;
}

/* ---- tests ---- */

static void what_was_answered_is_in_the_journal_and_replays(void **state)
{
    (void)state;
    struct process *process = fresh_owner();
    assert_int_equal(JOURNAL_OWNER, journal_role(process->journal));
    for (uint32_t i = 0; i < 2000; i++) {
        while (!submit(process, CHANGE_TAKEN, i))
            collect(process, 1000);
    }
    collect_all(process);
    assert_answers_are_true(process);
    assert_int_equal(2000, process->good);
    const struct journal_stats *stats = journal_stats(process->journal);
    assert_true(stats->commits < 2000); /* they were grouped */
    process_end(process);
}

static void a_lone_change_does_not_wait_for_company(void **state)
{
    (void)state;
    struct process *process = fresh_owner();
    uint64_t began_us = clock_mono_us(clock_system());
    for (uint32_t i = 0; i < 20; i++) {
        submit(process, CHANGE_TAKEN, i);
        collect_all(process);
    }
    assert_int_equal(20, process->good);
    assert_true(clock_mono_us(clock_system()) - began_us < 2000000); /* 20 timers would be longer */
    process_end(process);
}

/* A commit is held up by somebody who has the owner row; what comes meanwhile goes in one. */
static void what_gathers_during_a_commit_is_the_next_one(void **state)
{
    (void)state;
    enum { GATHERED = 200 };
    struct err_slot err = {0};
    struct process *process = fresh_owner();
    struct pg *other = other_connection();
    must(pg_run(other, "BEGIN; SELECT FROM owner FOR UPDATE", &err), &err);
    uint64_t before = journal_stats(process->journal)->commits;
    assert_true(submit(process, CHANGE_TAKEN, 0));
    UNTIL(ask("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
              " AND application_name = 'fairgate seat-service journal'") == 1);
    for (uint32_t i = 1; i <= GATHERED; i++)
        assert_true(submit(process, CHANGE_TAKEN, i));
    must(pg_run(other, "COMMIT", &err), &err);
    pg_close(other);
    collect_all(process);
    assert_int_equal(1 + GATHERED, process->good);
    assert_int_equal(before + 2, journal_stats(process->journal)->commits);
    process_end(process);
}

static void a_standby_takes_over_with_everything_that_was_answered(void **state)
{
    (void)state;
    fresh();
    struct process *owner = process_start("a");
    UNTIL(owner->owned == 1);
    struct process *standby = process_start("b");
    UNTIL(journal_role(standby->journal) == JOURNAL_STANDBY);
    for (uint32_t i = 0; i < 300; i++)
        while (!submit(owner, CHANGE_TAKEN, i))
            collect(owner, 1000);
    collect_all(owner);
    UNTIL(standby->applied == 301); /* warm: it follows while it waits */
    assert_int_equal(0, standby->owned);
    uint64_t good_sum = owner->good_sum, epoch = owner->epoch;
    process_end(owner);
    uint64_t began_us = clock_mono_us(clock_system());
    UNTIL(standby->owned == 1);
    assert_true(clock_mono_us(clock_system()) - began_us < 2000000);
    assert_true(standby->epoch > epoch);
    assert_true(standby->applied_sum == good_sum);
    submit(standby, CHANGE_TAKEN, 1);
    collect_all(standby);
    assert_int_equal(1, standby->good);
    process_end(standby);
}

/* Adds an event whose document is long. */
static void add_long_event(void)
{
    struct err_slot err = {0};
    int32_t no;
    char *body = calloc(1, JOURNAL_LONG_BYTES);
    struct pg *pg = other_connection();
    must(store_event_create(pg, SPAN("long"), SPAN("hash2"),
                            (struct span){body, JOURNAL_LONG_BYTES}, SPAN(""), &err, &no),
         &err);
    pg_close(pg);
    free(body);
}

static void others_are_shown_while_a_long_document_is_read(void **state)
{
    (void)state;
    struct process *owner = fresh_owner();
    struct process *standby = process_start("b");
    UNTIL(standby->shown > 0);
    add_long_event();
    owner->may_prepare = 1;
    journal_look(owner->journal);
    UNTIL(owner->owned == 2);
    UNTIL(standby->preparing == 1);
    unsigned before = standby->shown;
    UNTIL(standby->shown > before + 3);
    assert_int_equal(1, standby->found);
    standby->may_prepare = 1;
    UNTIL(standby->found == 2);
    process_end(standby);
    process_end(owner);
}

static void others_are_found_while_a_long_journal_is_read(void **state)
{
    (void)state;
    struct err_slot err = {0};
    struct process *owner = fresh_owner();
    struct pg *pg = other_connection();
    int32_t no;
    submit_one_by_one(owner, LONG_ROWS);
    must(
        store_event_create(pg, SPAN("night"), SPAN("hash2"), SPAN("document"), SPAN(""), &err, &no),
        &err);
    pg_close(pg);
    journal_look(owner->journal);
    UNTIL(owner->owned == 2);
    dawdled = 1;
    found_then = 0;
    struct process *standby = process_start("b");
    UNTIL(found_then > 0);
    dawdled = 0;
    assert_int_equal(2, found_then);
    process_end(standby);
    process_end(owner);
}

static void a_process_that_ends_waits_for_the_document_that_it_reads(void **state)
{
    (void)state;
    struct process *owner = fresh_owner();
    add_long_event();
    UNTIL(owner->preparing == 1);
    owner->may_prepare = 1;
    process_end(owner); /* the sanitizer looks for what is left */
}

static void a_standby_refuses_changes(void **state)
{
    (void)state;
    fresh();
    struct process *owner = process_start("a");
    UNTIL(owner->owned == 1);
    struct process *standby = process_start("b");
    UNTIL(journal_role(standby->journal) == JOURNAL_STANDBY);
    assert_false(journal_writes(standby->journal));
    submit(standby, CHANGE_TAKEN, 1);
    collect_all(standby);
    assert_int_equal(ERR_STATE, standby->last_rc);
    process_end(standby);
    process_end(owner);
}

static void an_owner_whose_epoch_is_over_commits_nothing_and_says_so(void **state)
{
    (void)state;
    struct process *process = fresh_owner();
    submit(process, CHANGE_TAKEN, 1);
    collect_all(process);
    assert_int_equal(1, process->good);
    tell("UPDATE seats.owner SET epoch = epoch + 1");
    submit(process, CHANGE_TAKEN, 2);
    collect_all(process);
    assert_int_equal(ERR_STATE, process->last_rc);
    UNTIL(process->fenced == 1);
    assert_int_equal(JOURNAL_FENCED, journal_role(process->journal));
    submit(process, CHANGE_TAKEN, 3);
    collect_all(process);
    assert_int_equal(1, process->good);
    assert_int_equal(2, ask("SELECT count(*) FROM seats.journal"));
    process_end(process);
}

static void whoever_owns_proves_it_and_writes_nothing(void **state)
{
    (void)state;
    struct process *process = fresh_owner();
    for (uint32_t i = 0; i < 3; i++) {
        submit_proof(process);
        assert_true(submit(process, CHANGE_TAKEN, i));
        submit_proof(process);
        collect_all(process);
        assert_int_equal(0, process->last_rc);
    }
    assert_int_equal(9, process->good);
    assert_int_equal(3, journal_stats(process->journal)->changes);
    assert_int_equal(4, ask("SELECT seq FROM seats.owner"));
    process_end(process);
}

static void whoever_was_replaced_proves_nothing_and_is_fenced(void **state)
{
    (void)state;
    struct process *process = fresh_owner();
    tell("UPDATE seats.owner SET epoch = epoch + 1");
    submit_proof(process);
    collect_all(process);
    assert_int_equal(ERR_STATE, process->last_rc);
    UNTIL(process->fenced == 1);
    submit_proof(process);
    collect_all(process);
    assert_int_equal(0, process->good);
    process_end(process);
}

static void a_proof_outlives_its_connection(void **state)
{
    (void)state;
    struct process *process = fresh_owner();
    tell("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
         " WHERE application_name = 'fairgate seat-service journal'");
    submit_proof(process);
    collect_all(process);
    assert_int_equal(0, process->last_rc);
    assert_int_equal(0, process->fenced);
    process_end(process);
}

static void a_seat_that_is_sold_already_stops_its_own_change_and_no_other(void **state)
{
    (void)state;
    struct process *process = fresh_owner();
    tell("INSERT INTO seats.sold SELECT no, 500, 1, 1, 'other' FROM seats.event");
    for (uint32_t seat = 490; seat < 510; seat++)
        submit(process, CHANGE_CONFIRMED, seat);
    collect_all(process);
    assert_int_equal(19, process->good);
    assert_int_equal(1, process->bad);
    assert_int_equal(20, ask("SELECT count(*) FROM seats.sold"));
    assert_int_equal(20, ask("SELECT sum(changes) FROM seats.journal"));
    process_end(process);
}

static void only_what_is_confirmed_is_sold_whatever_shares_its_batch(void **state)
{
    (void)state;
    struct process *process = fresh_owner();
    for (uint32_t i = 0; i < 100; i++) {
        submit(process, CHANGE_TAKEN, 2 * i);
        submit(process, CHANGE_CONFIRMED, 2 * i + 1);
    }
    collect_all(process);
    assert_int_equal(200, process->good);
    assert_true(ask("SELECT 200 - count(DISTINCT xmin::text) FROM seats.journal") > 0); /* shared */
    assert_int_equal(100, ask("SELECT count(*) FROM seats.sold"));
    assert_int_equal(0, ask("SELECT count(*) FROM seats.sold WHERE seat % 2 = 0"));
    process_end(process);
}

static void an_error_of_the_server_refuses_the_batch_and_the_next_one_is_tried(void **state)
{
    (void)state;
    struct process *process = fresh_owner();
    tell("CREATE FUNCTION seats.full() RETURNS trigger LANGUAGE plpgsql AS"
         " $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$;"
         "CREATE TRIGGER full_disk BEFORE INSERT ON seats.journal EXECUTE FUNCTION seats.full()");
    submit(process, CHANGE_TAKEN, 1);
    collect_all(process);
    assert_int_equal(ERR_PEER, process->last_rc);
    tell("DROP TRIGGER full_disk ON seats.journal");
    submit(process, CHANGE_TAKEN, 2);
    collect_all(process);
    assert_int_equal(0, process->last_rc);
    assert_answers_are_true(process);
    process_end(process);
}

static void a_change_that_waits_for_too_long_is_refused(void **state)
{
    (void)state;
    struct process *process = fresh_owner();
    pg_fixture_stop(server);
    uint64_t began_us = clock_mono_us(clock_system());
    while (journal_role(process->journal) != JOURNAL_CUT)
        poll(NULL, 0, 2);
    assert_true(journal_writes(process->journal));
    submit(process, CHANGE_TAKEN, 1);
    collect_all(process);
    assert_int_equal(ERR_TIMEOUT, process->last_rc);
    assert_true(clock_mono_us(clock_system()) - began_us < 6000000);
    pg_fixture_again(server);
    UNTIL(journal_role(process->journal) == JOURNAL_OWNER);
    submit(process, CHANGE_TAKEN, 2);
    collect_all(process);
    assert_int_equal(0, process->last_rc);
    assert_int_equal(0, process->fenced);
    assert_answers_are_true(process);
    process_end(process);
}

static void a_changed_row_breaks_the_chain_and_is_named(void **state)
{
    (void)state;
    struct process *process = fresh_owner();
    submit_one_by_one(process, 5);
    process_end(process);
    tell("ALTER TABLE seats.journal DISABLE TRIGGER journal_is_append_only;"
         "UPDATE seats.journal SET body = set_byte(body, 20, 99) WHERE seq = 4;"
         "ALTER TABLE seats.journal ENABLE TRIGGER journal_is_append_only");
    struct process *next = process_start("b");
    UNTIL(journal_reason(next->journal) == JOURNAL_REASON_UNUSABLE);
    assert_int_equal(3, next->applied);
    assert_int_equal(0, next->owned);
    process_end(next);
}

static void a_journal_that_lost_its_end_is_not_gone_on_with(void **state)
{
    (void)state;
    struct process *process = fresh_owner();
    submit_one_by_one(process, 5);
    /* As after a fail-over to a replica that had not received the last rows. */
    tell("ALTER TABLE seats.journal DISABLE TRIGGER journal_is_append_only;"
         "DELETE FROM seats.journal WHERE seq = 6;"
         "UPDATE seats.owner SET seq = 5, chain = (SELECT chain FROM seats.journal WHERE seq = 5);"
         "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
         " WHERE application_name LIKE 'fairgate%'");
    UNTIL(process->fenced == 1);
    process_end(process);
}

/* Holds are submitted without a pause while the owner's backend is ended again and again, at
 * moments that fall before, into and after its commits, until at least one fell into one. */
static void a_backend_ended_in_mid_commit_leaves_no_answer_untrue(void **state)
{
    (void)state;
    fresh();
    enum { MAX_KILLS = 2000 };
    uint32_t kills = 0, least_kills = getenv("FAIRGATE_SOAK") != NULL ? 1000 : 40;
    uint64_t seed = clock_wall_us(clock_system());
    print_message("seed %" PRIu64 "\n", seed);
    struct rng_seeded rng;
    rng_seeded_init(&rng, seed);
    struct process *process = process_start("a");
    UNTIL(process->owned == 1);
    struct pg *pg = other_connection();
    struct err_slot err = {0};
    const struct journal_stats *stats = journal_stats(process->journal);
    while (kills < least_kills ||
           (stats->settled_written + stats->settled_again == 0 && kills < MAX_KILLS)) {
        kills++;
        uint64_t until_us = clock_mono_us(clock_system()) + rng_below(&rng.rng, 8000);
        while (clock_mono_us(clock_system()) < until_us) {
            while (submit(process, CHANGE_TAKEN, (uint32_t)rng_below(&rng.rng, 1000)))
                ;
            collect(process, 1);
        }
        must(pg_run(pg,
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name LIKE 'fairgate%'",
                    &err),
             &err);
        uint64_t reconnects = stats->reconnects, give_up_us = until_us + 10000000;
        while (stats->reconnects == reconnects && clock_mono_us(clock_system()) < give_up_us)
            collect(process, 1);
    }
    collect_all(process);
    print_message("%u kills: %" PRIu64 " holds written, %" PRIu64 " refused; %" PRIu64
                  " open outcomes were written, %" PRIu64 " were not and were written again\n",
                  kills, process->good, process->bad, stats->settled_written, stats->settled_again);
    assert_int_equal(0, process->fenced);
    assert_true(stats->settled_written + stats->settled_again > 0);
    pg_close(pg);
    assert_answers_are_true(process);
    process_end(process);
}

/* The batch is written, its answer is cut off: each time the journal has to be asked. */
static void a_lost_answer_is_settled_by_reading_the_journal(void **state)
{
    (void)state;
    enum { PROXY_PORT = 5433 };
    uint32_t rounds = getenv("FAIRGATE_SOAK") != NULL ? 2000 : 50;
    fresh();
    struct cut_proxy *proxy = cut_proxy_start(pg_fixture_dir(server), PROXY_PORT);
    char dsn[256];
    snprintf(dsn, sizeof(dsn), "host=%s port=%d user=postgres dbname=postgres",
             pg_fixture_dir(server), PROXY_PORT);
    struct process *process = process_start_at("a", dsn);
    UNTIL(process->owned == 1);
    const struct journal_stats *stats = journal_stats(process->journal);
    for (uint32_t round = 0; round < rounds; round++) {
        cut_proxy_arm(proxy);
        for (uint32_t i = 0; i < 20; i++)
            submit(process, CHANGE_TAKEN, i);
        collect_all(process);
        assert_int_equal(0, process->last_rc);
    }
    print_message("%u answers cut off, %" PRIu64 " found written\n", cut_proxy_cuts(proxy),
                  stats->settled_written);
    assert_int_equal(rounds * 20, process->good);
    assert_true(cut_proxy_cuts(proxy) > rounds / 2);
    assert_true(stats->settled_written > rounds / 2);
    assert_int_equal(0, process->fenced);
    assert_answers_are_true(process);
    process_end(process);
    cut_proxy_end(proxy);
}

/* What whoever reads the event is told that its changes are of. */
static struct store_line line_of(struct process *process)
{
    return journal_line(process->journal, 0);
}

/* ... and what its row says. */
static struct store_line line_written(void)
{
    return (struct store_line){(uint64_t)ask("SELECT line FROM seats.owner"),
                               (uint64_t)ask("SELECT line_before FROM seats.owner"),
                               (uint64_t)ask("SELECT line_began FROM seats.owner")};
}

static void assert_same_line(struct store_line a, struct store_line b)
{
    assert_int_equal(a.now, b.now);
    assert_int_equal(a.before, b.before);
    assert_int_equal(a.began, b.began);
}

/* Connection after connection breaks while ownership is regained; each raised the epoch, and keeps
 * the lock. Nobody who reads the event has to start over for it. */
static void an_owner_whose_connection_breaks_again_while_it_regains_goes_on(void **state)
{
    (void)state;
    enum { PROXY_PORT = 5434, BREAKS = 3 };
    fresh();
    struct cut_proxy *proxy = cut_proxy_start(pg_fixture_dir(server), PROXY_PORT);
    char dsn[256];
    snprintf(dsn, sizeof(dsn), "host=%s port=%d user=postgres dbname=postgres",
             pg_fixture_dir(server), PROXY_PORT);
    struct process *process = process_start_at("a", dsn);
    UNTIL(process->owned == 1);
    submit_one_by_one(process, 3);
    const struct store_line line = line_of(process);
    cut_proxy_cut_raises(proxy, BREAKS);
    tell("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
         " WHERE application_name = 'fairgate seat-service journal'");
    UNTIL(cut_proxy_cuts(proxy) == BREAKS);
    UNTIL(journal_role(process->journal) == JOURNAL_OWNER);
    submit_one_by_one(process, 3);
    assert_same_line(line, line_of(process));
    assert_same_line(line, line_written());
    assert_int_equal(0, process->last_rc);
    assert_int_equal(6, process->good);
    assert_int_equal(0, process->fenced);
    assert_answers_are_true(process);
    process_end(process);
    cut_proxy_end(proxy);
}

/* ... while it is taken over. Whoever read what the owner before told knows the line that the new
 * one goes on from. */
static void a_takeover_whose_connection_breaks_again_and_again_begins_one_line(void **state)
{
    (void)state;
    enum { PROXY_PORT = 5435, BREAKS = 3 };
    struct process *before = fresh_owner();
    submit_one_by_one(before, 3);
    const uint64_t line = line_of(before).now;
    process_end(before);
    struct cut_proxy *proxy = cut_proxy_start(pg_fixture_dir(server), PROXY_PORT);
    char dsn[256];
    snprintf(dsn, sizeof(dsn), "host=%s port=%d user=postgres dbname=postgres",
             pg_fixture_dir(server), PROXY_PORT);
    cut_proxy_cut_raises(proxy, BREAKS);
    struct process *process = process_start_at("b", dsn);
    UNTIL(process->owned == 1);
    assert_int_equal(BREAKS, cut_proxy_cuts(proxy));
    const struct store_line now = line_of(process);
    assert_int_not_equal(line, now.now);
    assert_int_equal(line, now.before);
    assert_int_equal(4, now.began); /* the import, and what was submitted */
    assert_same_line(now, line_written());
    process_end(process);
    cut_proxy_end(proxy);
}

/* The answer to a batch is lost, and a standby may have shown the batch; then a fail-over loses it,
 * and the server refuses it now. What comes under its numbers is of another line. */
static void what_follows_a_batch_that_was_seen_and_lost_is_of_another_line(void **state)
{
    (void)state;
    enum { PROXY_PORT = 5437, SOLD = 20 };
    fresh();
    struct cut_proxy *proxy = cut_proxy_start(pg_fixture_dir(server), PROXY_PORT);
    char dsn[256], lose[512];
    snprintf(dsn, sizeof(dsn), "host=%s port=%d user=postgres dbname=postgres",
             pg_fixture_dir(server), PROXY_PORT);
    struct process *process = process_start_at("a", dsn);
    UNTIL(process->owned == 1);
    submit_one_by_one(process, 3);
    const uint64_t line = line_of(process).now;
    cut_proxy_shut(proxy, true);
    cut_proxy_arm(proxy);
    for (uint32_t i = 0; i < SOLD; i++)
        submit(process, CHANGE_CONFIRMED, i);
    UNTIL(cut_proxy_cuts(proxy) == 1);
    const uint64_t answered = journal_answered(process->journal, 0);
    assert_true((uint64_t)ask("SELECT seq FROM seats.owner") > answered);
    snprintf(lose, sizeof(lose),
             "ALTER TABLE seats.journal DISABLE TRIGGER journal_is_append_only;"
             "DELETE FROM seats.journal WHERE seq > %" PRIu64 ";"
             "UPDATE seats.owner SET seq = %" PRIu64 ","
             " chain = (SELECT chain FROM seats.journal WHERE seq = %" PRIu64 ");"
             "ALTER TABLE seats.journal ENABLE TRIGGER journal_is_append_only",
             answered, answered, answered); /* its seats stay sold, to somebody else */
    tell(lose);
    cut_proxy_shut(proxy, false);
    collect_all(process);
    assert_int_equal(1, journal_stats(process->journal)->settled_again);
    assert_true(process->bad > 0);
    const struct store_line now = line_of(process);
    assert_int_not_equal(line, now.now);
    assert_int_equal(line, now.before);
    assert_int_equal(answered, now.began);
    assert_same_line(now, line_written());
    assert_int_equal(0, process->fenced);
    process_end(process);
    cut_proxy_end(proxy);
}

/* One that owns nothing is cut off, and its old backend, which has its name, is never silent. */
static void a_name_that_an_old_backend_of_ours_has_is_got_back(void **state)
{
    (void)state;
    enum { PROXY_PORT = 5436 };
    fresh();
    struct cut_proxy *proxy = cut_proxy_start(pg_fixture_dir(server), PROXY_PORT);
    char dsn[256];
    snprintf(dsn, sizeof(dsn), "host=%s port=%d user=postgres dbname=postgres",
             pg_fixture_dir(server), PROXY_PORT);
    struct process *process = process_start_with((struct journal_conf){
        .dsn = dsn, .instance = "a", .events = "none", .owners = 2, .address = {"a:1", "a:2"}});
    UNTIL(journal_may_import(process->journal, "none", NULL) == 0);
    const struct journal_stats *stats = journal_stats(process->journal);
    uint64_t before = stats->reconnects;
    cut_proxy_keep_at_work(proxy);
    UNTIL(stats->reconnects > before);
    UNTIL(journal_may_import(process->journal, "none", NULL) == 0);
    assert_int_equal(1, cut_proxy_cuts(proxy));
    assert_int_equal(0, process->fenced);
    process_end(process);
    cut_proxy_end(proxy);
}

/* The owner's program was stopped while it was sending: its backend is "active" and waits for the
 * rest for as long as nobody ends it. */
static void
a_backend_that_waits_for_the_rest_of_a_pipeline_does_not_hold_a_takeover_up(void **state)
{
    (void)state;
    fresh();
    PGconn *stopped = PQconnectdb(pg_fixture_dsn(server));
    assert_int_equal(CONNECTION_OK, PQstatus(stopped));
    char lock[128];
    snprintf(lock, sizeof(lock), "SELECT pg_advisory_lock(4606786, %d)",
             (int)ask("SELECT no FROM seats.event"));
    PQclear(PQexec(stopped, lock));
    assert_int_equal(1, PQenterPipelineMode(stopped));
    assert_int_equal(1, PQsendQueryParams(stopped, "SELECT 1", 0, NULL, NULL, NULL, NULL, 1));
    assert_int_equal(1, PQsendFlushRequest(stopped));
    while (PQflush(stopped) > 0)
        ;
    UNTIL(ask("SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
              " AND wait_event = 'ClientRead'") == 1);
    struct process *process = process_start("a");
    UNTIL(process->owned == 1);
    process_end(process);
    PQfinish(stopped);
}

static int start(void **state)
{
    (void)state;
    server = pg_fixture_start();
    return 0;
}

static int end(void **state)
{
    (void)state;
    pg_fixture_end(server);
    return 0;
}

/* Somebody has written into the table by hand: an id as no import makes it, and a page of others.
 */
static void an_id_that_is_too_long_does_not_hide_the_events_behind_it(void **state)
{
    (void)state;
    fresh();
    struct pg *pg = other_connection();
    struct err_slot err = {0};
    struct store_event found[EVENTS_MAX];
    uint32_t len = 0, seen = 0;
    int32_t after = 0;
    must(pg_run(pg,
                "INSERT INTO event (id) SELECT 'row' || repeat('x', 64) || n"
                " FROM generate_series(1, 3) n;"
                "INSERT INTO event (id) SELECT 'row' || n FROM generate_series(1, 70) n",
                &err),
         &err);
    do {
        must(store_events(pg, after, found, EVENTS_MAX, &err, &len), &err);
        for (uint32_t i = 0; i < len; i++) {
            seen += strncmp(found[i].id, "row", 3) == 0;
            after = found[i].no;
        }
    } while (len == EVENTS_MAX);
    pg_close(pg);
    assert_int_equal(70, seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_answered_is_in_the_journal_and_replays),
        cmocka_unit_test(a_lone_change_does_not_wait_for_company),
        cmocka_unit_test(what_gathers_during_a_commit_is_the_next_one),
        cmocka_unit_test(a_standby_takes_over_with_everything_that_was_answered),
        cmocka_unit_test(others_are_shown_while_a_long_document_is_read),
        cmocka_unit_test(others_are_found_while_a_long_journal_is_read),
        cmocka_unit_test(a_process_that_ends_waits_for_the_document_that_it_reads),
        cmocka_unit_test(a_standby_refuses_changes),
        cmocka_unit_test(an_owner_whose_epoch_is_over_commits_nothing_and_says_so),
        cmocka_unit_test(whoever_owns_proves_it_and_writes_nothing),
        cmocka_unit_test(whoever_was_replaced_proves_nothing_and_is_fenced),
        cmocka_unit_test(a_proof_outlives_its_connection),
        cmocka_unit_test(a_seat_that_is_sold_already_stops_its_own_change_and_no_other),
        cmocka_unit_test(only_what_is_confirmed_is_sold_whatever_shares_its_batch),
        cmocka_unit_test(an_error_of_the_server_refuses_the_batch_and_the_next_one_is_tried),
        cmocka_unit_test(a_change_that_waits_for_too_long_is_refused),
        cmocka_unit_test(a_changed_row_breaks_the_chain_and_is_named),
        cmocka_unit_test(a_journal_that_lost_its_end_is_not_gone_on_with),
        cmocka_unit_test(an_owner_whose_connection_breaks_again_while_it_regains_goes_on),
        cmocka_unit_test(a_takeover_whose_connection_breaks_again_and_again_begins_one_line),
        cmocka_unit_test(what_follows_a_batch_that_was_seen_and_lost_is_of_another_line),
        cmocka_unit_test(a_name_that_an_old_backend_of_ours_has_is_got_back),
        cmocka_unit_test(
            a_backend_that_waits_for_the_rest_of_a_pipeline_does_not_hold_a_takeover_up),
        cmocka_unit_test(a_lost_answer_is_settled_by_reading_the_journal),
        cmocka_unit_test(a_backend_ended_in_mid_commit_leaves_no_answer_untrue),
        cmocka_unit_test(an_id_that_is_too_long_does_not_hide_the_events_behind_it),
    };
    return cmocka_run_group_tests(tests, start, end);
}
