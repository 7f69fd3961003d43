/* journal_test.c: the committer against a real PostgreSQL: the responses match the journal,
 * whichever process or connection ends, and whenever. */
#include "cut_proxy.h"
#include "journal/journal.h"
#include "journal/store.h"
#include "pg_fixture.h"
#include "script.h"
#include "tables/migrate.h"
#include "unit.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct cut_proxy *proxy; /* the current row's proxy */
static int proxy_port = 5432;   /* each proxy takes the next port */

enum { ENTRIES = 256, LONG_ROWS = 3 * READER_ROWS, PROCESSES = 2 };

/* One process: its queue, its journal, and a host that counts its calls. */
struct process {
    struct commit_queue *queue;
    struct commit_port *port;
    struct journal *journal;
    struct sale_clock sale;
    int wakefd;
    /* written by the committer thread */
    atomic_uint found, owned, fenced;
    atomic_ullong epoch, applied, applied_sum;
    /* written by the reader thread and the thread that prepares */
    atomic_uint shown, preparing, may_prepare, reopened, dropped;
    atomic_bool corrects,
        is_closed; /* corrects: a correction is pending; is_closed: leave() was called */
    /* written by the loop */
    uint64_t sent, good, bad, unknown;
    uint64_t good_sum; /* of the holds that were answered with 0 */
    int last_rc;
    bool has_ended;
    char dsn[256];
    const char *noted_field;
    uint64_t noted;
};

static struct process *processes[PROCESSES]; /* "a" and "b" of the row; freed before the next row */
/* With `dawdles`, applying the first change of a journal takes longer than the reader's time for
 * one event. `found_then`: the events found when the last row of a long journal was read. */
static atomic_bool dawdles;
static atomic_uint found_then;

static uint64_t now_us(void)
{
    return clock_mono_us(clock_system());
}

/* Added to the time of the next submits. */
static uint64_t later_us;

/* Waits for another thread; on a timeout the assert prints the caller's line. */
#define UNTIL(condition)                                                                           \
    do {                                                                                           \
        uint64_t until_us = now_us() + 20000000;                                                   \
        while (!(condition)) {                                                                     \
            assert_true(now_us() < until_us);                                                      \
            poll(NULL, 0, 2);                                                                      \
        }                                                                                          \
    } while (0)

/* ---- the host ---- */

static int on_found(void *ctx, uint32_t nth, const struct store_event *row,
                    const struct store_document *document, struct err_slot *err)
{
    struct process *process = ctx;
    (void)nth;
    (void)row;
    if (strcmp(document->body, "document") != 0 && document->len != JOURNAL_LONG_BYTES)
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

static int on_apply(void *ctx, uint32_t nth, const struct change *change, struct span idem,
                    struct err_slot *err)
{
    struct process *process = ctx;
    (void)idem;
    (void)err;
    process->applied += 1;
    if (nth == 0 && change->kind == CHANGE_IMPORTED && dawdles)
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

static void on_own(void *ctx, uint32_t nth, uint64_t epoch, uint64_t seq, uint64_t asked_ms)
{
    struct process *process = ctx;
    (void)nth;
    (void)seq;
    assert_int_equal(0, asked_ms); /* no event sleeps in these tests */
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

/* An event with a pending correction stays in use. */
static bool on_leave(void *ctx, uint32_t nth)
{
    struct process *process = ctx;
    (void)nth;
    process->is_closed = true;
    return !process->corrects;
}

static void on_reopen(void *ctx, uint32_t nth)
{
    struct process *process = ctx;
    (void)nth;
    process->reopened += 1;
}

static void on_drop(void *ctx, uint32_t nth)
{
    struct process *process = ctx;
    (void)nth;
    process->dropped += 1;
}

static bool on_revises(void *ctx, uint32_t nth)
{
    const struct process *process = ctx;
    (void)nth;
    return process->corrects;
}

static int on_revise(void *ctx, uint32_t nth, struct change *change, struct err_slot *err)
{
    (void)ctx;
    (void)nth;
    (void)change;
    return err_set(err, ERR_STATE, "no correction waits until it is written here");
}

static void on_revised(void *ctx, uint32_t nth, int rc)
{
    (void)ctx;
    (void)nth;
    (void)rc;
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

static struct err_slot err; /* of the test's own calls */

/* Fills in the rest of `conf`. */
static struct process *process_start(struct journal_conf conf, bool by_proxy)
{
    struct process *process = calloc(1, sizeof(*process));
    process->wakefd = eventfd(0, EFD_NONBLOCK);
    unit_must(commit_queue_create(&(struct commit_queue_conf){1, ENTRIES}, &err, &process->queue),
              &err);
    process->port = commit_queue_port(process->queue, 0, on_wake, process);
    snprintf(process->dsn, sizeof(process->dsn), "%s", pg_fixture_dsn());
    if (by_proxy)
        snprintf(process->dsn, sizeof(process->dsn),
                 "host=%s port=%d user=postgres dbname=postgres", pg_fixture_dir(), proxy_port);
    conf.dsn = process->dsn;
    conf.batch_max = JOURNAL_BATCH_MAX;
    conf.queue = process->queue;
    conf.clock = clock_system();
    conf.sale = &process->sale;
    sale_clock_init(conf.sale, conf.clock);
    conf.rng = rng_system();
    conf.host = (struct journal_host){.ctx = process,
                                      .prepare = on_prepare,
                                      .found = on_found,
                                      .load = on_load,
                                      .apply = on_apply,
                                      .first = on_first,
                                      .own = on_own,
                                      .shown = on_shown,
                                      .leave = on_leave,
                                      .reopen = on_reopen,
                                      .drop = on_drop,
                                      .revises = on_revises,
                                      .revise = on_revise,
                                      .revised = on_revised,
                                      .fenced = on_fenced};
    unit_must(journal_start(&conf, &err, &process->journal), &err);
    return process;
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
    process->has_ended = true;
}

/* Ends everything that a row left running, in order. */
static void end_all(void)
{
    for (unsigned i = 0; i < PROCESSES; i++) {
        if (processes[i] != NULL && !processes[i]->has_ended)
            process_end(processes[i]);
        free(processes[i]);
        processes[i] = NULL;
    }
    if (proxy != NULL)
        cut_proxy_end(proxy);
    proxy = NULL;
}

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
    uint64_t until_us = now_us() + 30000000;
    while (commit_port_open(process->port) > 0) {
        assert_true(now_us() < until_us);
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

/* Holds have different numbers, so the sum over the journal shows which were written. */
static bool submit(struct process *process, uint32_t event, enum change_kind kind, uint32_t seat)
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
    entry->event = event;
    entry->on_done = on_done;
    entry->ctx = process;
    commit_port_submit(entry, now_us() + later_us);
    return true;
}

static int64_t query(const char *sql)
{
    struct pg *pg = pg_fixture_open(MIGRATE_SCHEMA);
    int64_t number = pg_fixture_number(pg, sql);
    pg_close(pg);
    return number;
}

static void run_sql(const char *sql)
{
    struct pg *pg = pg_fixture_open(MIGRATE_SCHEMA);
    pg_fixture_run(pg, sql);
    pg_close(pg);
}

/* ---- statements ---- */

static struct process **place_of(const struct script_line *line)
{
    static const char *const names[] = {"a", "b", NULL};
    return &processes[script_choice(line, script_word(line, 1), names)];
}

static struct process *process_of(const struct script_line *line)
{
    assert_non_null(*place_of(line));
    return *place_of(line);
}

/* "start a [proxy] [none]"; none: configured for no event, it shares the existing ones */
SCRIPT_VERB(do_start, "start")
{
    struct journal_conf conf = {.instance = place_of(line) == processes ? "a" : "b", .events = ""};
    if (script_has(line, "none")) {
        conf.events = "none";
        conf.owners = 2;
        conf.address = (struct store_address){"a:1", "a:2"};
    }
    assert_null(*place_of(line));
    *place_of(line) = process_start(conf, script_has(line, "proxy"));
}

SCRIPT_DOES("end", process_end(process_of(line)))

/* An empty database with one event. */
SCRIPT_VERB(do_fresh, "fresh")
{
    int32_t no;
    end_all();
    struct pg *pg = pg_fixture_open(MIGRATE_SCHEMA);
    pg_fixture_run(pg, "DROP SCHEMA IF EXISTS seats CASCADE");
    unit_must(migrate_run(pg, &err), &err);
    unit_must(
        store_event_create(pg, SPAN("demo"), SPAN("hash"), SPAN("document"), SPAN(""), &err, &no),
        &err);
    pg_close(pg);
}

/* "owner [proxy]": process "a" owns the event of an empty database */
SCRIPT_VERB(do_owner, "owner")
{
    do_fresh(NULL);
    if (script_has(line, "proxy"))
        proxy = cut_proxy_start(pg_fixture_dir(), ++proxy_port);
    processes[0] = process_start((struct journal_conf){.instance = "a", .events = ""},
                                 script_has(line, "proxy"));
    UNTIL(processes[0]->owned == 1);
}

/* "add long|short [ID]": adds an event with a long or a short document */
SCRIPT_VERB(do_add, "add")
{
    int32_t no;
    char *body = calloc(1, JOURNAL_LONG_BYTES);
    struct span document = SPAN("document");
    struct pg *pg = pg_fixture_open(MIGRATE_SCHEMA);
    if (script_has(line, "long"))
        document = (struct span){body, JOURNAL_LONG_BYTES};
    unit_must(store_event_create(pg, span_of(line->len > 2 ? script_word(line, 2) : "other"),
                                 SPAN("hash2"), document, SPAN(""), &err, &no),
              &err);
    pg_close(pg);
    free(body);
}

/* "submit a taken|confirmed|mixed COUNT [other] [later]": for the seats from 0 on; mixed: odd seats
 * are confirmed; other: for the added event; later: a minute from now */
SCRIPT_VERB(do_submit, "submit")
{
    struct process *process = process_of(line);
    const char *kind = script_word(line, 2);
    later_us = script_has(line, "later") ? 60000000 : 0;
    for (uint32_t seat = 0; seat < script_number_at(line, 3); seat++) {
        bool confirmed = *kind == 'c' || (*kind == 'm' && seat % 2 == 1);
        uint32_t event = script_has(line, "other");
        while (!submit(process, event, confirmed ? CHANGE_CONFIRMED : CHANGE_TAKEN, seat))
            collect(process, 1000);
    }
}

SCRIPT_DOES("collect", collect_all(process_of(line)))

/* "singly a COUNT|long": one journal row per change */
SCRIPT_VERB(do_singly, "singly")
{
    const char *count = script_word(line, 2);
    for (uint32_t i = 0; i < (*count == 'l' ? LONG_ROWS : script_number(count)); i++) {
        assert_true(submit(process_of(line), 0, CHANGE_TAKEN, i));
        collect_all(process_of(line));
    }
}

/* "proof a [third]": requests the proof that a call without a change waits for */
SCRIPT_VERB(do_proof, "proof")
{
    struct commit_entry *entry = commit_port_take(process_of(line)->port);
    assert_non_null(entry);
    entry->event = script_has(line, "third") ? 2 : 0;
    entry->proof = true;
    entry->on_done = on_done;
    entry->ctx = process_of(line);
    commit_port_submit(entry, now_us());
}

static const struct script_field *fields_of(const struct process *process)
{
    const struct journal_stats *stats = journal_stats(process->journal);
    const char *reason = journal_reason_name(journal_reason(process->journal));
    const struct script_field now[] = {
        SCRIPT_NUMBER("found", process->found),
        SCRIPT_NUMBER("found-then", found_then),
        SCRIPT_NUMBER("owned", process->owned),
        SCRIPT_NUMBER("writable", stats->events[JOURNAL_EVENT_OWNED]),
        SCRIPT_NUMBER("out", stats->events[JOURNAL_EVENT_OUT]),
        SCRIPT_NUMBER("fenced", process->fenced),
        SCRIPT_NUMBER("shown", process->shown),
        SCRIPT_NUMBER("closed", process->is_closed),
        SCRIPT_NUMBER("reopened", process->reopened),
        SCRIPT_NUMBER("dropped", process->dropped),
        SCRIPT_NUMBER("sent", journal_sent(process->journal, 0)),
        SCRIPT_NUMBER("preparing", process->preparing),
        SCRIPT_NUMBER("applied", process->applied),
        SCRIPT_NUMBER("good", process->good),
        SCRIPT_NUMBER("bad", process->bad),
        SCRIPT_NUMBER("writes", journal_writes(process->journal)),
        SCRIPT_NUMBER("imports", journal_may_import(process->journal, "none", NULL) == 0),
        SCRIPT_NUMBER("commits", stats->commits),
        SCRIPT_NUMBER("changes", stats->changes),
        SCRIPT_NUMBER("errors", stats->errors),
        SCRIPT_NUMBER("reconnects", stats->reconnects),
        SCRIPT_NUMBER("settled-again", stats->settled_again),
        SCRIPT_NUMBER("settled-written", stats->settled_written),
        SCRIPT_NUMBER("cuts", proxy != NULL ? proxy->cuts : 0),
        SCRIPT_NUMBER("raised", proxy != NULL ? proxy->raised : 0),
        SCRIPT_TEXT("rc", err_name(process->last_rc)),
        SCRIPT_TEXT("role", journal_role_name(journal_role(process->journal))),
        SCRIPT_TEXT("reason", reason != NULL ? reason : ""),
    };
    enum { FIELDS = sizeof(now) / sizeof(now[0]) };
    static struct script_field fields[FIELDS + 2]; /* plus "grown" and the terminator */
    memcpy(fields, now, sizeof(now));
    fields[FIELDS].name = "grown";
    for (unsigned i = 0; i < FIELDS; i++)
        if (fields[i].name == process->noted_field)
            fields[FIELDS].number = fields[i].number - process->noted;
    return fields;
}

/* "note a FIELD": from now on "grown" is the growth of this field */
SCRIPT_VERB(do_note, "note")
{
    struct process *process = process_of(line);
    const struct script_field *field = script_field(line, 2, fields_of(process));
    process->noted_field = field->name;
    process->noted = field->number;
}

/* "wait a FIELD VALUE": waits until a number is at least VALUE or a text equals it */
SCRIPT_VERB(do_wait, "wait")
{
    const char *want = script_word(line, 3);
    for (uint64_t until_us = now_us() + 20000000;; poll(NULL, 0, 2)) {
        const struct script_field *field = script_field(line, 2, fields_of(process_of(line)));
        if (field->text != NULL ? strcmp(field->text, want) == 0
                                : field->number >= script_number(want))
            return;
        assert_true(now_us() < until_us);
        collect(process_of(line), 0);
    }
}

SCRIPT_DOES("expect", script_expect_field(line, 2, fields_of(process_of(line))))

/* The import in row 1 is followed by exactly the changes that were answered with 0. */
SCRIPT_VERB(do_true, "true")
{
    const struct process *process = process_of(line);
    assert_int_equal(0, process->unknown);
    assert_int_equal(process->sent, process->good + process->bad);
    struct process *reader =
        process_start((struct journal_conf){.instance = "reader", .events = ""}, false);
    UNTIL(reader->found == 1 && reader->applied >= process->good + 1);
    UNTIL(journal_role(reader->journal) == JOURNAL_STANDBY ||
          journal_role(reader->journal) == JOURNAL_OWNER); /* it has read the whole journal */
    unit_never(reader->applied > process->good + 1, "a change that was refused is in the journal");
    assert_true(reader->applied == process->good + 1);
    assert_true(reader->applied_sum == process->good_sum);
    process_end(reader);
    free(reader);
}

/* "correct a", "withdraw a": a correction of its event's document is pending, or no longer */
SCRIPT_DOES("correct", process_of(line)->corrects = true)
SCRIPT_DOES("withdraw", process_of(line)->corrects = false)

/* "inherits b": it has every change that "a" acknowledged, under a newer epoch */
SCRIPT_VERB(do_inherits, "inherits")
{
    assert_true(process_of(line)->epoch > processes[0]->epoch);
    assert_true(process_of(line)->applied_sum == processes[0]->good_sum);
}

/* "sql STATEMENT" */
SCRIPT_DOES("sql", run_sql(script_rest(line, 0)))

/* "query NUMBER STATEMENT" */
SCRIPT_DOES("query",
            script_expect(line, script_word(line, 1), (uint64_t)query(script_rest(line, 1))))

#define APPEND_ONLY(DO) "ALTER TABLE seats.journal " DO " TRIGGER journal_is_append_only;"
#define LOSE_AFTER_4                                                                               \
    APPEND_ONLY("DISABLE")                                                                         \
    "DELETE FROM seats.journal WHERE seq > 4;" APPEND_ONLY("ENABLE")
#define END_BACKENDS                                                                               \
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE "

/* "run NAME": several statements in one transaction */
SCRIPT_VERB(do_run, "run")
{
    static const struct {
        const char *name, *sql;
    } all[] = {
        {"full-disk",
         "CREATE FUNCTION seats.full() RETURNS trigger LANGUAGE plpgsql AS"
         " $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$;"
         "CREATE TRIGGER full_disk BEFORE INSERT ON seats.journal EXECUTE FUNCTION seats.full()"},
        {"refuse-first", "ALTER TABLE seats.journal ADD CONSTRAINT refused"
                         " CHECK (event <> 1) NOT VALID"},
        {"stall", /* until seats.stall is empty */
         "CREATE TABLE seats.stall AS SELECT 1;"
         "CREATE FUNCTION seats.stalls() RETURNS trigger LANGUAGE plpgsql AS"
         " $$ BEGIN WHILE EXISTS (SELECT FROM seats.stall) LOOP PERFORM pg_sleep(0.002); END LOOP;"
         " RETURN NULL; END $$;"
         "CREATE TRIGGER stall BEFORE INSERT ON seats.journal EXECUTE FUNCTION seats.stalls()"},
        {"change-row-4",
         APPEND_ONLY("DISABLE") "UPDATE seats.journal SET body = set_byte(body, 20, 99)"
                                " WHERE seq = 4;" APPEND_ONLY("ENABLE")},
        {"lose-after-4", LOSE_AFTER_4}, /* as after a fail-over; seats.sold keeps its rows */
        {"lose-after-4-and-cut", LOSE_AFTER_4 END_BACKENDS "'fairgate%'"},
        {"cut-committer", END_BACKENDS "'fairgate seat-service journal'"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (strcmp(all[i].name, script_word(line, 1)) == 0) {
            run_sql(all[i].sql);
            return;
        }
    fail_msg("%s is unknown", line->text);
}

#define LOCKS_OF_DEMO                                                                              \
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 4606786 AND objid = " \
    "1"

static struct pg *owners_locker;

/* "lock": another session locks the owner rows of all events except event 2, until "unlock" */
SCRIPT_VERB(do_lock, "lock")
{
    owners_locker = pg_fixture_open(MIGRATE_SCHEMA);
    pg_fixture_run(owners_locker, "BEGIN; SELECT FROM owner WHERE event <> 2 FOR UPDATE");
}

/* "raise": waits for the advisory lock of "demo", then raises the epochs of the locked rows */
SCRIPT_VERB(do_raise, "raise")
{
    UNTIL(query(LOCKS_OF_DEMO) == 1);
    usleep(100 * 1000); /* the process has read the epoch and waits to raise it */
    pg_fixture_run(owners_locker, "UPDATE owner SET epoch = epoch + 1 WHERE event <> 2");
}

SCRIPT_DOES("unlock", pg_fixture_run(owners_locker, "COMMIT"); pg_close(owners_locker))
SCRIPT_DOES("freed", UNTIL(query(LOCKS_OF_DEMO) == 0))

/* "stalled": waits until a commit is stalled */
SCRIPT_DOES("stalled", UNTIL(query("SELECT count(*) FROM pg_stat_activity WHERE wait_event ="
                                   " 'PgSleep' AND application_name ="
                                   " 'fairgate seat-service journal'") == 1))

SCRIPT_DOES("stop-server", pg_fixture_stop())
SCRIPT_DOES("start-server", pg_fixture_again())

/* "prepare a", "look a" */
SCRIPT_DOES("prepare", process_of(line)->may_prepare = 1)
SCRIPT_DOES("look", journal_look(process_of(line)->journal))

/* "dawdle", until "hurry" */
SCRIPT_DOES("dawdle", dawdles = true; found_then = 0)
SCRIPT_DOES("hurry", dawdles = false)

/* "proxy [raises N|arm|shut|open|keep]" */
SCRIPT_VERB(do_proxy, "proxy")
{
    if (line->len == 1)
        proxy = cut_proxy_start(pg_fixture_dir(), ++proxy_port);
    else if (script_has(line, "raises"))
        proxy->raises = (unsigned)script_number_at(line, 2);
    else if (script_has(line, "arm"))
        proxy->armed = true;
    else if (script_has(line, "keep"))
        proxy->keeps_at_work = true;
    else
        proxy->shut = script_has(line, "shut");
}

static struct store_line noted_branch;

/* "branch a note|same|next [SEQ]": readers are sent the journal branch in the owner's row: the
 * noted one, or a new one that begins at change SEQ */
SCRIPT_VERB(do_branch, "branch")
{
    const struct store_line now = journal_line(process_of(line)->journal, 0);
    assert_int_equal(now.now, query("SELECT line FROM seats.owner"));
    assert_int_equal(now.before, query("SELECT line_before FROM seats.owner"));
    assert_int_equal(now.began, query("SELECT line_began FROM seats.owner"));
    if (script_has(line, "note")) {
        noted_branch = now;
        return;
    }
    bool same = script_has(line, "same");
    assert_int_equal(same, now.now == noted_branch.now);
    assert_int_equal(now.before, same ? noted_branch.before : noted_branch.now);
    assert_int_equal(now.began, same ? noted_branch.began : script_number_at(line, 3));
}

/* "clock", later "within 2s": time passed since "clock" */
static uint64_t clock_began_us;

SCRIPT_DOES("clock", clock_began_us = now_us())
SCRIPT_DOES("within", assert_true(now_us() - clock_began_us < script_number_at(line, 1)))

static void run_script(const char *script)
{
    script_run(&(struct script_row){"a script", script}, script_verbs);
}

#define PROOFS    "proof a; submit a taken 1; proof a; collect a; expect a rc ok;"
#define NEW_EPOCH "sql UPDATE seats.owner SET epoch = epoch + 1"

static const struct script_row rows[] = {
    {"an answered change is in the journal and replays",
     "owner; expect a role owner; submit a taken 2000; collect a; true a; expect a good 2000;"
     "expect a commits 1..1999"},
    {"a lone change does not wait for others", /* 100 timers would take longer */
     "owner; clock; singly a 100; within 10s; expect a good 100"},
    {"changes during a commit are in the next one",
     "owner; run stall; note a commits; submit a taken 1; stalled; submit a taken 200;"
     "sql DELETE FROM seats.stall; collect a; expect a good 201; expect a grown 2"},
    {"a standby takes over with everything that was answered",
     "owner; start b; wait b role standby; submit a taken 300; collect a; wait b applied 301;"
     "expect b applied 301; expect b owned 0; end a; clock; wait b owned 1; within 2s; inherits b;"
     "submit b taken 1; collect b; expect b good 1"},
    {"others are shown while a long document is read",
     "owner; start b; wait b shown 1; add long; prepare a; look a; wait a owned 2;"
     "wait b preparing 1; note b shown; wait b grown 4; expect b found 1; prepare b;"
     "wait b found 2"},
    {"others are found while a long journal is read",
     "owner; singly a long; add short; look a; wait a owned 2; dawdle; start b;"
     "wait b found-then 1; hurry; expect b found-then 2"},
    {"a snapshot has the document that was read, despite a correction",
     "owner; add long; wait a preparing 1;"
     "sql INSERT INTO seats.document SELECT 2, hash, body, 5 FROM seats.document WHERE event = 2;"
     "sql INSERT INTO seats.snapshot (event, seq, chain, body) SELECT 2, 5, chain, '' FROM "
     "seats.owner WHERE event = 2; prepare a; wait a owned 2"},
    {"a process that ends waits for the document that it reads", /* the sanitizer finds leaks */
     "owner; add long; wait a preparing 1; prepare a; end a"},
    {"a standby refuses changes",
     "owner; start b; wait b role standby; expect b writes 0; submit b taken 1; collect b;"
     "expect b rc state"},
    {"an owner whose epoch has ended commits nothing and reloads the event",
     "owner; submit a taken 1; collect a; expect a good 1;" NEW_EPOCH
     "; submit a taken 1; collect a;"
     "expect a rc state; query 2 SELECT count(*) FROM seats.journal; wait a owned 2;"
     "submit a taken 1; collect a; expect a rc ok; expect a fenced 0; true a"},
    {"an event whose epoch has ended is given up alone",
     "owner; add short; look a; wait a owned 2;" NEW_EPOCH " WHERE event = 1; submit a taken 1;"
     "submit a taken 5 other; collect a; expect a good 5; expect a bad 1; wait a owned 3;"
     "submit a taken 5; submit a taken 5 other; collect a; expect a good 15; expect a fenced 0"},
    {"an event taken by another process in an outage is given up alone",
     "owner proxy; add short; look a; wait a owned 2; proxy shut; proxy arm; submit a taken 1;"
     "wait a cuts 1; expect a cuts 1;" NEW_EPOCH ", instance = 'x#1' WHERE event = 1; proxy open;"
     "collect a; expect a good 1; submit a taken 5 other; collect a; expect a good 6;"
     "wait a owned 3; submit a taken 5; collect a; expect a good 11; expect a fenced 0"},
    {"an owner whose journal has lost its end is fenced",
     "owner; singly a 5; run lose-after-4; submit a taken 1; collect a; expect a rc state;"
     "wait a fenced 1; expect a role fenced; submit a taken 1; collect a; expect a good 5"},
    {"an owner proves its ownership and writes nothing",
     "owner;" PROOFS PROOFS PROOFS "expect a good 9; expect a changes 3;"
     "query 4 SELECT seq FROM seats.head"},
    {"an owner that was replaced proves nothing, and reads the event again",
     "owner;" NEW_EPOCH "; proof a; collect a; expect a rc state; expect a good 0; wait a owned 2;"
     "proof a; collect a; expect a rc ok; expect a fenced 0"},
    {"a proof outlives its connection",
     "owner; run cut-committer; proof a; collect a; expect a rc ok; expect a fenced 0"},
    {"a sold seat stops its own change and no other",
     "owner; sql INSERT INTO seats.sold SELECT no, 10, 1, 1, 'other' FROM seats.event;"
     "submit a confirmed 20; collect a; expect a good 19; expect a bad 1;"
     "query 20 SELECT count(*) FROM seats.sold; query 20 SELECT sum(changes) FROM seats.journal"},
    {"only confirmed seats are sold, whichever changes share the batch",
     "owner; submit a mixed 200; collect a; expect a good 200;"
     "query 1..199 SELECT 200 - count(DISTINCT xmin::text) FROM seats.journal;"
     "query 100 SELECT count(*) FROM seats.sold;"
     "query 0 SELECT count(*) FROM seats.sold WHERE seat % 2 = 0"},
    {"an error of the server refuses the batch, and the next one is tried",
     "owner; run full-disk; submit a taken 1; collect a; expect a rc peer;"
     "sql DROP TRIGGER full_disk ON seats.journal; submit a taken 1; collect a; expect a rc ok;"
     "true a"},
    {"a locked row stops its event alone, which is back by itself",
     "owner; add short; look a; wait a writable 2; lock; submit a taken 1;"
     "submit a taken 20 other; collect a; expect a good 20; expect a bad 1; expect a out 1;"
     "proof a; collect a; expect a rc peer; submit a taken 20 other; collect a; expect a good 40;"
     "expect a role owner; expect a reconnects 1; unlock; wait a writable 2;"
     "submit a taken 1; collect a; expect a good 41; expect a fenced 0"},
    {"a locked row waits for nobody's turn, even alone",
     "owner; lock; submit a taken 1; collect a; expect a rc peer; expect a out 1;"
     "expect a role owner; unlock; wait a writable 1; submit a taken 1; collect a;"
     "expect a rc ok; expect a reconnects 1; true a"},
    {"only one locked row is waited for",
     "owner; add short; add short third; look a; wait a writable 3; lock; note a errors;"
     "proof a; proof a third; collect a; expect a rc peer; expect a bad 2; expect a grown 1;"
     "expect a out 2; unlock; wait a writable 3; proof a; collect a; expect a rc ok"},
    {"an event that is refused takes no other with it",
     "owner; add short; look a; wait a writable 2; run refuse-first; run stall;"
     "submit a taken 1 other; stalled; submit a taken 10; submit a confirmed 10 other;"
     "sql DELETE FROM seats.stall; wait a out 1; collect a; expect a good 11; expect a bad 10;"
     "sql ALTER TABLE seats.journal DROP CONSTRAINT refused; wait a writable 2;"
     "submit a taken 1; collect a; expect a good 12; expect a fenced 0"},
    {"an event with a locked row is regained last, with its open changes",
     "owner proxy; add short; look a; wait a writable 2; proxy shut; proxy arm; submit a taken 1;"
     "wait a cuts 1; expect a cuts 1; lock; proxy open; wait a reconnects 2; wait a role owner;"
     "submit a taken 5 other; wait a good 5; expect a out 1; expect a bad 0; unlock; collect a;"
     "expect a good 6; expect a settled-written 1; expect a fenced 0; wait a writable 2;"
     "submit a taken 1; collect a; expect a good 7"},
    {"events with locked rows are regained after the others",
     "owner proxy; add short; add short third; look a; wait a writable 3; lock; note a raised;"
     "run cut-committer; wait a reconnects 2; submit a taken 5 other; collect a; expect a good 5;"
     "expect a grown 1; expect a out 2; unlock; wait a writable 3; expect a fenced 0"},
    {"events with locked rows are taken over after the others",
     "owner; add short; add short third; look a; wait a owned 3; end a; lock;"
     "start b; wait b owned 1; submit b taken 5; submit b taken 5 other; collect b;"
     "expect b good 5; unlock; wait b owned 3"},
    {"events are taken over together", /* or in two parts if locks become free meanwhile */
     "owner; add short; add short third; add short fourth; look a; wait a owned 4; start b;"
     "wait b role standby; lock; end a; wait b owned 1; unlock; wait b owned 4;"
     "query 1..2 SELECT count(DISTINCT xmin::text) FROM seats.owner WHERE event <> 2"},
    {"an event whose epoch cannot be raised holds up no other",
     "owner; add short; add short third; look a; wait a owned 3; start b; wait b role standby;"
     "sql ALTER TABLE seats.owner ADD CHECK (event <> 2 OR epoch < 2) NOT VALID; end a;"
     "wait b owned 2; sql ALTER TABLE seats.owner DROP CONSTRAINT owner_check; wait b owned 3"},
    {"a lock that was tried for twice is given back at once", /* the session counts its locks */
     "owner; end a; lock; start b; raise; unlock; wait b owned 1;"
     "query 1 " LOCKS_OF_DEMO "; sql UPDATE seats.event SET asleep_at = now(); look b; freed"},
    {"nothing of an event's changes passes to the next one in its place",
     "owner; submit a taken 5; collect a; expect a sent 6; sql UPDATE seats.event SET retired_at ="
     " now(); look a; wait a dropped 1; add short; look a; wait a owned 2; expect a sent 1"},
    {"an event that is closed for a correction that was withdrawn stays",
     "owner; correct a; wait a closed 1; withdraw a; wait a reopened 1; expect a found 1;"
     "expect a owned 1; submit a taken 1; collect a; expect a rc ok; true a"},
    {"a change that waits for too long is refused, and no younger one",
     "owner; stop-server; clock; wait a role cut; expect a writes 1; submit a taken 1;"
     "submit a taken 1 later; wait a bad 1; expect a rc timeout; within 6s; start-server;"
     "wait a role owner; submit a taken 1; collect a; expect a good 2; expect a fenced 0; true a"},
    {"a changed row breaks the chain and is named",
     "owner; singly a 5; end a; run change-row-4; start b; wait b reason journal-unusable;"
     "expect b applied 3; expect b owned 0"},
    {"a journal that lost its end is not continued",
     "owner; singly a 5; run lose-after-4-and-cut; wait a fenced 1"},
    {"an owner whose connections break while it regains continues its branch",
     "owner proxy; singly a 3; branch a note; proxy raises 3; run cut-committer; wait a cuts 3;"
     "expect a cuts 3; wait a role owner; singly a 3; branch a same; expect a rc ok;"
     "expect a good 6; expect a fenced 0; true a"},
    {"a takeover whose connections break begins one branch", /* after the import and 3 changes */
     "owner; singly a 3; branch a note; end a; proxy; proxy raises 3; start b proxy;"
     "wait b owned 1; expect b cuts 3; branch b next 4"},
    {"changes after a batch that was shown and lost are of another branch",
     "owner proxy; singly a 3; branch a note; proxy shut; proxy arm; submit a confirmed 20;"
     "wait a cuts 1; expect a cuts 1; query 5..24 SELECT seq FROM seats.head; run lose-after-4;"
     "proxy open; collect a; expect a settled-again 1; expect a bad 1..20; branch a next 4;"
     "expect a fenced 0"},
    {"a process gets its name back from an old backend of its own",
     "fresh; proxy; start a proxy none; wait a imports 1; note a reconnects; proxy keep;"
     "wait a grown 1; wait a imports 1; expect a cuts 1; expect a fenced 0"},
};

/* The owner's program was stopped in the middle of a message. Its backend is "active" and waits for
 * the rest of the message until it is terminated. */
TEST_CASE(waiting_backend_of_a_stopped_owner_does_not_delay_a_takeover)
{
    run_script("fresh");
    PGconn *stopped = PQconnectdb(pg_fixture_dsn());
    assert_int_equal(CONNECTION_OK, PQstatus(stopped));
    char lock[128];
    snprintf(lock, sizeof(lock), "SELECT pg_advisory_lock(4606786, %d)",
             (int)query("SELECT no FROM seats.event"));
    PQclear(PQexec(stopped, lock));
    assert_int_equal(1, PQenterPipelineMode(stopped));
    assert_int_equal(1, PQsendQueryParams(stopped, "SELECT 1", 0, NULL, NULL, NULL, NULL, 1));
    assert_int_equal(1, PQsendFlushRequest(stopped));
    while (PQflush(stopped) > 0)
        ;
    UNTIL(query("SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
                " AND wait_event = 'ClientRead'") == 1);
    run_script("start a; wait a owned 1");
    end_all();
    PQfinish(stopped);
}

/* No import creates such ids. Pages of four have them before, between and after valid ids. */
TEST_CASE(too_long_an_id_does_not_hide_later_events)
{
    enum { PAGE = 4 };
    struct store_event found[PAGE];
    uint32_t len = 0, seen = 0;
    struct store_changes changes = {0};
    run_script("fresh");
    run_sql("INSERT INTO seats.event (id)"
            " SELECT repeat('x', CASE n % 3 WHEN 0 THEN 65 ELSE 3 END) || n"
            " FROM generate_series(1, 30) n");
    struct pg *pg = pg_fixture_open(MIGRATE_SCHEMA);
    do {
        unit_must(store_events_changed(pg, &changes, found, PAGE, &err, &len), &err);
        seen += len;
    } while (len == PAGE);
    pg_close(pg);
    assert_int_equal(1 + 20, seen); /* including the event of "fresh" */
}

/* The batch is written, but its response is lost. */
TEST_CASE(lost_answer_is_settled_by_reading_the_journal)
{
    run_script("owner proxy");
    for (unsigned round = 0; round < 50; round++)
        run_script("proxy arm; submit a taken 20; collect a; expect a rc ok");
    run_script("expect a good 1000; expect a cuts 26..50; expect a settled-written 26..50;"
               "expect a fenced 0; true a");
}

static const struct store_known knows_both = {SPAN(""), (const int32_t[]){1, 2}, 2, 0};

/* Another session's open transaction has locked the row of "demo". */
TEST_CASE(events_with_locked_rows_neither_wake_nor_sleep_nor_block_others)
{
    bool done = true;
    run_script("fresh; add short; sql UPDATE seats.event SET asleep_at = now()");
    struct pg *pg = pg_fixture_open(MIGRATE_SCHEMA), *locker = pg_fixture_open(MIGRATE_SCHEMA);
    pg_fixture_run(pg, "SET lock_timeout = 1");
    pg_fixture_run(locker, "BEGIN; SELECT FROM event WHERE id = 'demo' FOR UPDATE");
    unit_must(store_wake(pg, &knows_both, (int32_t[]){1, 2}, (uint64_t[]){0, 1}, 2, 0, &err), &err);
    run_script("query 1 SELECT max(no) FROM seats.event WHERE asleep_at IS NOT NULL");
    pg_fixture_run(locker, "UPDATE event SET asleep_at = NULL WHERE id = 'demo'; COMMIT; BEGIN;"
                           "SELECT FROM event WHERE id = 'demo' FOR UPDATE");
    unit_must(store_sleep(pg, 1, 0, 0, &err, &done), &err);
    assert_false(done);
    unit_must(store_sleep(pg, 2, 0, 0, &err, &done), &err);
    assert_true(done);
    pg_close(locker);
    pg_close(pg);
}

static void wakes_second(struct pg *pg, const struct store_known *known, bool wakes)
{
    pg_fixture_run(pg, "UPDATE event SET asleep_at = now() WHERE id = 'second'");
    unit_must(store_wake(pg, known, (int32_t[]){2}, (uint64_t[]){1}, 1, 0, &err), &err);
    run_script(wakes ? "query 0 SELECT count(asleep_at) FROM seats.event WHERE id = 'second'"
                     : "query 1 SELECT count(asleep_at) FROM seats.event WHERE id = 'second'");
}

/* Otherwise two processes could each wake an event for the last place. */
TEST_CASE(no_event_is_woken_next_to_one_that_its_process_does_not_know)
{
    const struct store_known none = {SPAN(""), NULL, 0, 0};
    const struct store_known its = {SPAN("demo , second"), NULL, 0, 0},
                             list = {SPAN("second"), NULL, 0, 0};
    run_script("fresh; add short second; sql UPDATE seats.event SET asleep_at = now()");
    struct pg *pg = pg_fixture_open(MIGRATE_SCHEMA), *other = pg_fixture_open(MIGRATE_SCHEMA);
    pg_fixture_run(other, "BEGIN");
    unit_must(store_wake(other, &none, (int32_t[]){1}, (uint64_t[]){1}, 1, 0, &err), &err);
    wakes_second(pg, &none, false); /* the other has not committed yet */
    pg_fixture_run(other, "COMMIT");
    wakes_second(pg, &none, false);
    wakes_second(pg, &its, false);
    wakes_second(pg, &list, true);
    wakes_second(pg, &knows_both, true);
    pg_close(other);
    pg_close(pg);
}

static uint64_t asked_ms(int32_t event, uint64_t since_ms)
{
    struct store_owner owner;
    struct pg *pg = pg_fixture_open(MIGRATE_SCHEMA);
    unit_must(store_owners_read(pg, &event, 1, SPAN("a"), since_ms, &err, &owner), &err);
    unit_must(owner.rc, &err);
    pg_close(pg);
    return owner.asked_ms;
}

/* The process does not know of payments refused before it started, so it must spare them. */
TEST_CASE(event_has_rested_only_if_this_process_was_running)
{
    const uint64_t now_ms = clock_wall_us(clock_system()) / 1000;
    run_script("fresh; sql UPDATE seats.owner SET due_at = now() - interval '10 minutes'");
    assert_int_equal(0, asked_ms(1, 0));
    assert_int_equal(0, asked_ms(1, now_ms));
    assert_int_equal(INT64_MAX, asked_ms(1, now_ms - 3600 * 1000));
    run_script("sql UPDATE seats.owner SET due_at = now() + interval '1 hour'");
    assert_int_equal(0, asked_ms(1, 1));
}

SCRIPT_TESTS(rows, script_verbs)
UNIT_BETWEEN(NULL, end_all)
