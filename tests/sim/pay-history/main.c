/* pay-real SEED STEPS DSN: runs a history (deals.h) against an empty PostgreSQL whose now() is the
 * history's clock. Leases and commits go through the service's worker; the history takes the part
 * of the saga engine. */
#include "deals.h"

#include "base/clock.h"
#include "pg/pg.h"
#include "saga/cancellations.h"
#include "saga/worker.h"
#include "store/schema.h"
#include "store/statements.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs before the schema, whose defaults use this now(), too. */
static const char clock_sql[] =
    "CREATE SCHEMA play; CREATE TABLE play.clock AS SELECT to_timestamp(1700000000) AS at;"
    "CREATE FUNCTION play.now() RETURNS timestamptz STABLE LANGUAGE sql AS"
    " 'SELECT at FROM play.clock';"
    "CREATE FUNCTION play.us(timestamptz) RETURNS bigint STABLE LANGUAGE sql AS"
    " 'SELECT (extract(epoch FROM $1) * 1000000)::bigint - 1700000000000000';"
    "ALTER ROLE CURRENT_USER SET search_path = play, pay, pg_catalog";

static_assert((int)DEALS_PERCENT == 50, "as here");
static const char rows_sql[] =
    "INSERT INTO refund_terms (event, version, granted_to, percent, handed_on)"
    " VALUES ('', 0, 'buyer', 50, true);"
    "INSERT INTO orders (id, event, hold, member, lang, provider, currency, amount, seats, status,"
    " payment, idem_key, idem_body, expires_at) VALUES ('o_0', 'ball', '1', 'm_00000', 'ko',"
    " 'bank', 'KRW', 9, '[\"s0\"]', 'completed', 'pi_1', 'o_0', '', now());"
    "INSERT INTO saga (id, key, subject, data) OVERRIDING SYSTEM VALUE"
    " VALUES (0, 'other.1', 'o_0', '{}');"
    "INSERT INTO ticket (id, order_id, event, seat, member, holder, kid, token)"
    " VALUES ('t_0', 'o_0', 'ball', 's0', 'm_other', '', '', '');"
    "INSERT INTO psp_payment (provider, payment, captured, refunded)"
    " VALUES ('bank', 'pi_1', 90, 50), ('bank', 'pi_2', 90, 0), ('other', 'pi_1', 90, 0);"
    "INSERT INTO psp_return (provider, id, payment, kind, amount)"
    " VALUES ('bank', 'd_1', 'pi_1', 'dispute', 20);"
    "CREATE FUNCTION play.done(bigint, boolean) RETURNS text STABLE LANGUAGE sql AS"
    " 'SELECT to_hex(coalesce(bit_or(1 << step), 0)) FROM saga_step"
    " WHERE saga = $1 AND attempt = 0 AND undo = $2'";

static const char print_sql[] =
    "SET plan_cache_mode = force_generic_plan; PREPARE print (text) AS"
    " WITH w AS (SELECT * FROM orders WHERE $1 IN ('', id) AND event = 'gala') SELECT line FROM ("
    "SELECT id AS o, 0 AS k, 0 AS n, '' AS t,"
    " format(' %s %s/%s payment=%s expires=%s back=%s/%s moving=%s/%s%s', id, status, cause,"
    " CASE WHEN secret = 'secret' THEN payment END,"
    " (extract(epoch FROM expires_at) * 1000)::bigint, coalesce(refund_amount, 0),"
    " (refund_amount IS NOT NULL)::int, (moving IS NOT NULL)::int, moves,"
    " (SELECT string_agg(format(' %s:%s', key, value->>'amount'), '' ORDER BY key::int)"
    " FROM jsonb_each(credits))) AS line FROM w"
    " UNION ALL SELECT subject, 1, s.id, '',"
    " format('  saga %s %s %s %s/%s parked=%s cancel=%s tries=%s moves=%s wake=%s token=%s%s',"
    " s.id, key, (ARRAY['running', 'undoing', 'completed', 'undone'])[CASE WHEN"
    " (state < 2) = (ended_at IS NULL) THEN state + 1 END], step, s.cause,"
    " parked::int, cancel::int, tries, s.moves, wake, token, CASE WHEN leased"
    " THEN ' ' || substr(owner, 3) END) || format(' due=%s step=%s done=%s/%s key=%s refund=%s/%s "
    "round=%s', us(due_at),"
    " us(step_at), done(s.id, false), done(s.id, true), d->>'payment_key',"
    " coalesce(d->>'refund', '0'), coalesce(d->>'credit', '0'), d->>'key_round')"
    " FROM w JOIN saga s ON w.id = subject CROSS JOIN LATERAL (SELECT s.data::jsonb) AS d (d)"
    " UNION ALL SELECT order_id, 2, 0, t.id,"
    " format('  ticket %s %s revoked=%s used=%s', t.id, seat, (revoked_at IS NOT NULL)::int,"
    " (k.ticket IS NOT NULL)::int)"
    " FROM w JOIN ticket t ON w.id = order_id LEFT JOIN checkin k ON k.ticket = t.id"
    " UNION ALL SELECT order_id, 3, b.id, '',"
    " format('  letter %s done=%s', kind, (done_at IS NOT NULL)::int)"
    " FROM w JOIN shop_outbox b ON w.id = order_id"
    " UNION ALL SELECT order_id, 4, b.id, '', format('  mail %s', kind)"
    " FROM w JOIN mail_outbox b ON w.id = order_id WHERE kind LIKE 'postponed-%'"
    " UNION ALL SELECT '~', 0, 0, '', format(' event passed=%s due=%s ended=%s', passed, "
    "us(due_at),"
    " (ended_at IS NOT NULL)::int) FROM cancelled_event WHERE $1 = '' AND event = 'gala'"
    ") r ORDER BY o COLLATE \"C\", k, n, t COLLATE \"C\"";

static const char *dsn;
static uv_loop_t loop;
static struct pg *watcher;
static struct pg_pool *pool;
static struct clock_fake history_clock;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static uint64_t now_us(void)
{
    return clock_mono_us(&history_clock.clock);
}

/* ---- the engine's side of the worker ---- */

enum { WORKERS = 2, MOVES_MAX = 16 };

struct saga_engine {
    struct worker *worker;
    const char *owner;
    struct saga_store store;
    bool answered;
    struct saga_row *rows;
    uint32_t rows_len;
    struct saga_store_reply *replies;
    uint32_t moves;
};

static struct saga_engine engines[WORKERS], *engine;

int saga_engine_create(const struct saga_engine_conf *conf, uint64_t now, struct err_slot *err,
                       struct saga_engine **out)
{
    (void)now, (void)err;
    engine->store = conf->store;
    *out = engine;
    return 0;
}

void saga_engine_destroy(struct saga_engine *own)
{
    (void)own;
}

void saga_engine_turn(struct saga_engine *own, uint64_t now)
{
    (void)own, (void)now;
}

uint64_t saga_engine_due_us(const struct saga_engine *own)
{
    (void)own;
    return UINT64_MAX / 2;
}

void saga_engine_nudge(struct saga_engine *own)
{
    (void)own;
}

void saga_engine_drain(struct saga_engine *own)
{
    (void)own;
}

const struct saga_def *saga_engine_def(const struct saga_engine *own, struct span key)
{
    (void)own;
    return checkout_find(deals_checkout(), key);
}

void saga_engine_on_leased(struct saga_engine *own, const struct saga_row *rows, uint32_t len)
{
    static char data[DEALS_SAGAS_MAX][DEALS_DATA_MAX];
    if (rows == NULL)
        die("lease", "no answer");
    for (uint32_t i = 0; i < len; i++) {
        own->rows[i] = rows[i];
        bool fits = span_to_cstr(rows[i].data, data[i], DEALS_DATA_MAX);
        assert(fits);
        own->rows[i].data = span_of(data[i]);
        own->rows[i].step_us = (int64_t)now_us() - rows[i].step_us;
    }
    own->rows_len = len;
    own->answered = true;
}

void saga_engine_on_committed(struct saga_engine *own, bool ok,
                              const struct saga_store_reply *replies)
{
    if (!ok)
        die("commit", "no answer");
    for (uint32_t i = 0; i < own->moves; i++) {
        own->replies[i] = replies[i];
        own->replies[i].lease_us -= now_us();
    }
    own->answered = true;
}

/* No step is run here. */
void saga_call_finish(struct saga_call *call, const struct saga_outcome *outcome)
{
    (void)call, (void)outcome;
    abort();
}

void saga_call_set_data(struct saga_call *call, struct span data)
{
    (void)call, (void)data;
    abort();
}

struct saga_effects *saga_call_effects(struct saga_call *call)
{
    (void)call;
    abort();
}

static void await(void)
{
    while (!engine->answered)
        uv_run(&loop, UV_RUN_ONCE);
    engine->answered = false;
}

static uint32_t lease(const char *owner, const struct checkout *checkout,
                      const struct saga_held *held, struct saga_row *rows)
{
    (void)checkout;
    engine = strcmp(owner, engines[0].owner) == 0 ? &engines[0] : &engines[1];
    engine->rows = rows;
    engine->store.lease(engine->store.ctx, DEALS_SAGAS_MAX, held);
    await();
    return engine->rows_len;
}

static void commit(const struct saga_move *moves, uint32_t len, struct saga_store_reply *replies)
{
    const struct saga_move *list[MOVES_MAX];
    assert(len <= MOVES_MAX);
    for (uint32_t i = 0; i < len; i++)
        list[i] = &moves[i];
    engine->replies = replies;
    engine->moves = len;
    engine->store.commit(engine->store.ctx, list, len);
    await();
}

/* ---- requests ---- */

static struct answer {
    bool over;
    uint32_t rows;
    bool has_text;
    char text[40];
    struct deals_letter *letters;
    uint64_t ids[DEALS_LETTERS_MAX];
} answer;

static void end_wait(const struct pg_answer *its)
{
    if (its->rc < 0)
        die(its->sqlstate, its->text);
    answer.rows = (uint32_t)PQntuples(its->results[its->len > 1 ? 1 : 0]);
    answer.over = true;
}

static bool answered(void)
{
    while (!answer.over)
        uv_run(&loop, UV_RUN_ONCE);
    answer.over = false;
    return answer.rows > 0;
}

static void on_rows(void *ctx, const struct pg_answer *its)
{
    (void)ctx;
    end_wait(its);
}

static void on_created(void *ctx, const struct pg_answer *its)
{
    (void)ctx;
    end_wait(its);
    answer.rows = sql_order_create_row(its->results[0], 0).has_id;
}

static bool order(const struct order *order, const struct saga_def *def)
{
    char *data;
    int rc = order_dump(order, NULL, &data);
    assert(rc == 0);
    const struct sql_order_create_args args = {.id = order->id,
                                               .event = order->event,
                                               .hold = order->hold,
                                               .member = order->member,
                                               .lang = order->lang,
                                               .provider = order->provider,
                                               .currency = order->currency,
                                               .amount = order->amount,
                                               .seats = "[\"s0\"]",
                                               .status = ORDER_PENDING_PAYMENT,
                                               .idem_key = order->id,
                                               .idem_body = "",
                                               .expires_ms = order->expires_ms,
                                               .event_name = "",
                                               .show = "{}",
                                               .places = "[]",
                                               .purchase = "{\"lines\":[]}",
                                               .saga = def->key,
                                               .trace = "",
                                               .data = data};
    sql_order_create(pool, &args, on_created, NULL);
    free(data);
    return answered();
}

static bool cancel(const char *id, const struct checkout *checkout)
{
    const struct sql_order_cancel_args args = {.order = id, .pivots = checkout_pivots(checkout)};
    sql_order_cancel(pool, &args, on_rows, NULL);
    return answered();
}

static bool hint(const struct order *order, const char *key)
{
    const struct sql_order_hint_args args = {.order = order->id,
                                             .provider = order->provider,
                                             .amount = order->amount,
                                             .payment_key = key};
    sql_order_hint(pool, &args, on_rows, NULL);
    return answered();
}

static bool wake(const char *id)
{
    sql_order_wake(pool, &(struct sql_order_wake_args){id}, on_rows, NULL);
    return answered();
}

static void on_code(void *ctx, const struct pg_answer *its)
{
    (void)ctx;
    end_wait(its);
    answer.has_text = answer.rows > 0 && !PQgetisnull(its->results[1], 0, 0);
    if (answer.has_text)
        snprintf(answer.text, sizeof(answer.text), "%s", PQgetvalue(its->results[1], 0, 0));
}

/* Combines both statements as the two handlers do. */
static const char *give_back(const char *id, const struct sql_order_refund_args *refund,
                             const struct sql_order_credit_args *credit)
{
    struct pg_job *job = pg_job_create(pool, on_code, NULL);
    sql_order_lock_add(job, &(struct sql_order_lock_args){id});
    if (refund != NULL)
        sql_order_refund_add(job, refund);
    else
        sql_order_credit_add(job, credit);
    sql_order_refund_shop_add(job, &(struct sql_order_refund_shop_args){id});
    sql_order_refund_mail_add(job, &(struct sql_order_refund_mail_args){id});
    pg_job_send(job);
    (void)answered();
    return answer.has_text ? answer.text : NULL;
}

static const char *refund(const char *id, const struct saga_def *def, unsigned percent)
{
    const struct sql_order_refund_args args = {.order = id,
                                               .saga = def->key,
                                               .trace = "",
                                               .actor = percent > 0 ? "operator" : "buyer",
                                               .reason = percent > 0 ? "rain" : NULL,
                                               .has_percent = percent > 0,
                                               .percent = percent};
    return give_back(id, &args, NULL);
}

static const char *credit(const char *id, const struct saga_def *def, uint64_t amount,
                          const char *reason, bool free, uint32_t most)
{
    const struct sql_order_credit_args args = {.order = id,
                                               .saga = def->key,
                                               .trace = "",
                                               .has_amount = true,
                                               .amount = amount,
                                               .free = free,
                                               .reason = reason,
                                               .most = most};
    return give_back(id, NULL, &args);
}

static bool retry(uint64_t saga, enum order_status status, uint32_t moves)
{
    const struct sql_saga_retry_args args = {
        .id = saga, .reason = "rain", .status = status, .moves = moves};
    sql_saga_retry(pool, &args, on_rows, NULL);
    return answered();
}

static bool turn_back(uint64_t saga, const struct saga_def *def, uint8_t undo, uint32_t moves)
{
    const struct sql_saga_compensate_args args = {.id = saga,
                                                  .reason = "rain",
                                                  .undo = undo,
                                                  .pivot = def->pivot,
                                                  .key = def->key,
                                                  .moves = moves};
    sql_saga_compensate(pool, &args, on_rows, NULL);
    return answered();
}

static void reclaim(const char *owner)
{
    struct err_slot err;
    if (worker_reclaim(dsn, owner, &err) < 0)
        die("reclaim", err.text);
}

static void on_taken(void *ctx, const struct pg_answer *its)
{
    (void)ctx;
    end_wait(its);
    for (uint32_t i = 0; i < answer.rows; i++) {
        struct sql_shop_take_row row = sql_shop_take_row(its->results[0], (int)i);
        struct deals_letter *letter = &answer.letters[i];
        answer.ids[i] = row.id;
        letter->back = row.refund_amount;
        span_to_cstr(row.order_id, letter->order, sizeof(letter->order));
        span_to_cstr(row.kind, letter->kind, sizeof(letter->kind));
    }
}

/* Delivers until nothing is due: in order for each buyer, one letter per buyer at a time. */
static uint32_t deliver(struct deals_letter *letters)
{
    const struct sql_shop_take_args take = {DEALS_LETTERS_MAX, DEALS_LEASE_MS, 1, 1000000000,
                                            INT64_C(1) << 40}; /* all that is due */
    answer.letters = letters;
    sql_shop_take(pool, &take, on_taken, NULL);
    uint32_t len = answered() ? answer.rows : 0;
    for (uint32_t i = 0; i < len; i++) {
        sql_outbox_done(pool, &(struct sql_outbox_done_args){OUTBOX_SHOP, answer.ids[i]}, on_rows,
                        NULL);
        (void)answered();
    }
    return len;
}

/* ---- tickets, and an event that is cancelled or postponed ---- */

static bool use(const char *ticket)
{
    const struct sql_checkin_args args = {
        .ticket = ticket, .gate = "g", .event = "gala", .actor = "operator"};
    sql_checkin(pool, &args, on_rows, NULL);
    return answered();
}

static void postpone(uint64_t day, uint64_t refund_until_us)
{
    char show[64];
    snprintf(show, sizeof(show), "{\"starts_at\":\"2031-06-%02uT10:00:00Z\"}", (unsigned)day);
    const struct sql_event_postpone_args args = {.event = "gala",
                                                 .show = show,
                                                 .until_ms = UINT64_C(1700000000000) +
                                                             refund_until_us / 1000,
                                                 .reason = "rain"};
    sql_event_postpone(pool, &args, on_rows, NULL);
    (void)answered();
}

static void call_off(void)
{
    sql_event_cancel(pool, &(struct sql_event_cancel_args){.event = "gala", .reason = "rain"},
                     on_rows, NULL);
    (void)answered();
}

static void on_page(void *ctx, const struct pg_answer *its)
{
    struct deals_page *page = ctx;
    end_wait(its);
    page->found = answer.rows > 0;
    page->len = 0;
    for (uint32_t i = 0; i < answer.rows; i++) {
        struct sql_cancelling_take_row row = sql_cancelling_take_row(its->results[0], (int)i);
        page->most = row.most;
        if (row.order_id.ptr == NULL)
            continue;
        struct deals_due *due = &page->orders[page->len++];
        *due = (struct deals_due){
            .status = row.status, .moving = row.moving, .used = row.used, .amount = row.amount};
        span_to_cstr(row.order_id, due->order, sizeof(due->order));
    }
}

static void page(uint32_t most, uint32_t room, uint64_t lease_us, struct deals_page *out)
{
    const struct sql_cancelling_take_args args = {
        .most = most, .room = room, .lease_ms = (uint32_t)(lease_us / 1000)};
    sql_cancelling_take(pool, &args, on_page, out);
    (void)answered();
}

static void on_passed(void *ctx, const struct pg_answer *its)
{
    (void)ctx;
    end_wait(its);
    if (answer.rows > 0)
        answer.rows = sql_cancelling_passed_row(its->results[0], 0).ended;
}

static bool passed(const char *order, uint64_t pause_us)
{
    const struct sql_cancelling_passed_args args = {.event = "gala",
                                                    .passed = order,
                                                    .pause_ms = (uint32_t)(pause_us / 1000),
                                                    .groups_ms = CANCELLATIONS_GROUPS_MS};
    sql_cancelling_passed(pool, &args, on_passed, NULL);
    return answered();
}

#define TERMS(by, until, handed_on)                                                                \
    "UPDATE orders SET purchase = jsonb_build_object('terms', 'refund={\"by\":\"" by               \
    "\",\"until\":\"" until "\",\"handed_on\":" handed_on ",\"percent\":100}') WHERE id = 'o_0';"

/* Another event's order, which nothing else may find: why its buyer, a credit, an operator are
 * refused, one after the other. */
static const char *const refusals[][2] = {
    {TERMS("buyer", "2023-01-01", "true"), "refund-too-late, refund-too-large, done"},
    {"INSERT INTO drift_accepted VALUES ('a', 'ball', 'o_1', 'pi_1', '', '', 11, ''), ('b', 'ball',"
     " 'o_0', 'pi_2', '', '', 11, ''), ('c', 'ball', 'o_0', 'pi_1', '', '', 81, '')",
     "refund-too-late, refund-too-large, done"},
    {"UPDATE drift_accepted SET sum = 11 WHERE name = 'c'",
     "refund-by-operator, difference-accepted, difference-accepted"},
    {"UPDATE drift_accepted SET sum = 0; UPDATE psp_payment SET refunded = 61 WHERE refunded > 0",
     "refund-too-late, refund-too-large, done"},
    {TERMS("operator", "2023-01-01", "true"), "refund-by-operator, refund-too-large, done"},
    {"INSERT INTO postponed_event VALUES ('ball', 1, '{}', 'infinity', '', '', 'infinity')",
     "done, not-refundable, not-refundable"},
    {"UPDATE postponed_event SET refund_until = now();" TERMS("buyer", "infinity", "false"),
     "tickets-handed-on, refund-too-large, done"},
    {"UPDATE ticket SET member = 'm_00000'", "done, not-refundable, not-refundable"},
    {"UPDATE ticket SET member = '', revoked_at = now()", "done, not-refundable, not-refundable"},
    {"INSERT INTO cancelled_event (event, reason, ended_at) VALUES ('ball', '', now())",
     "event-cancelled, refund-too-large, done"},
    {"INSERT INTO retired_order (id, event, provider) VALUES ('o_0', '', '')",
     "not-refundable, not-refundable, not-refundable"},
    {"UPDATE retired_order SET id = ''; INSERT INTO checkin VALUES ('t_0', 'g', now(), false)",
     "not-refundable, refund-too-large, not-refundable"},
};

static void change(const char *sql)
{
    struct err_slot err;
    if (pg_run(watcher, sql, &err) < 0)
        die(sql, err.text);
}

static void refuse(void)
{
    const struct saga_def *def = checkout_now(deals_checkout(), CHECKOUT_REFUND);
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        char codes[120] = "";
        change("UPDATE orders SET status = 'completed', refund_amount = NULL; DELETE FROM outbox");
        change(refusals[i][0]);
        for (unsigned who = 0; who < 3; who++) {
            const char *code = who == 1 ? credit("o_0", def, 10, "rain", false, 1)
                                        : refund("o_0", def, who == 0 ? 0 : 100);
            strcat(strcat(codes, who == 0 ? "" : ", "), code != NULL ? code : "done");
        }
        if (strcmp(codes, refusals[i][1]) != 0)
            die(refusals[i][0], codes);
    }
}

static void wait_us(uint64_t us)
{
    char sql[96];
    clock_fake_step(&history_clock, us);
    snprintf(sql, sizeof(sql), "UPDATE play.clock SET at = at + %" PRIu64 " * interval '1 us'", us);
    change(sql);
}

static void print(const char *id)
{
    char sql[64];
    struct err_slot err;
    PGresult *res;
    snprintf(sql, sizeof(sql), "EXECUTE print('%s')", id);
    if (pg_query(watcher, sql, NULL, &err, &res) < 0)
        die("rows", err.text);
    for (int i = 0; i < PQntuples(res); i++)
        printf("\n%s", PQgetvalue(res, i, 0));
    PQclear(res);
}

static void begin(void)
{
    struct err_slot err;
    struct pg_conf own = {dsn, "watcher", NULL, 60000, 60000};
    if (pg_open(&own, &err, &watcher) < 0 || pg_run(watcher, clock_sql, &err) < 0)
        die("clock", err.text);
    pg_close(watcher);
    if (schema_migrate(dsn, NULL, &err) < 0 || pg_open(&own, &err, &watcher) < 0 ||
        pg_run(watcher, rows_sql, &err) < 0 || pg_run(watcher, print_sql, &err) < 0)
        die("schema", err.text);
    uv_loop_init(&loop);
    clock_fake_init(&history_clock, UINT64_C(1700000000000000));
    struct pg_pool_conf pg = {.loop = &loop,
                              .what = "history",
                              .conninfo = dsn,
                              .connections = 1,
                              .depth = 8,
                              .queue_max = 64,
                              .deadline_ms = 600000,
                              .statements = statements,
                              .statements_len = SQL_STATEMENTS,
                              .clock = clock_system(),
                              .rng = rng_system()};
    if (pg_pool_create(&pg, &err, &pool) < 0)
        die("pool", err.text);
    for (unsigned i = 0; i < WORKERS; i++) {
        struct worker_conf conf = {.loop = &loop,
                                   .pg = pool,
                                   .slots = DEALS_SAGAS_MAX,
                                   .calls_max = DEALS_SAGAS_MAX,
                                   .idle_ms = 1000,
                                   .lease_ms = DEALS_LEASE_MS,
                                   .owner = i == 0 ? "0/pay-a" : "0/pay-b",
                                   .clock = &history_clock.clock,
                                   .rng = rng_system()};
        conf.defs = checkout_defs(deals_checkout(), &conf.defs_len);
        engine = &engines[i];
        engine->owner = conf.owner + 2; /* without the loop */
        if (worker_create(&conf, &err, &engine->worker) < 0)
            die("worker", err.text);
    }
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "pay-real SEED STEPS DSN\n");
        return 2;
    }
    dsn = argv[3];
    begin();
    refuse();
    deals_run(strtoull(argv[1], NULL, 10), strtoull(argv[2], NULL, 10),
              &(struct deals_side){wait_us, order, cancel, hint, wake, refund, credit, retry,
                                   turn_back, reclaim, lease, commit, deliver, use, postpone,
                                   call_off, page, passed, print});
    for (unsigned i = 0; i < WORKERS; i++)
        worker_close(engines[i].worker);
    pg_pool_close(pool);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    pg_close(watcher);
    return 0;
}
